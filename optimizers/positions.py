"""Rows of the stacked arrays the kernels read.

numba passes every array of a tuple as a struct of its own; stacking columns of one kind keeps compile time and calls short.
"""

from __future__ import annotations

from typing import Final

LINE_ROW: Final = 0
LINE_REGION: Final = 1
LINE_OPENS: Final = 2
LINE_DUE: Final = 3
LINE_LAST: Final = 4
LINE_DOOR: Final = 5
LINE_CHANNEL: Final = 6
LINE_PIECES: Final = 7
LINE_CAP1: Final = 8
LINE_CAP2: Final = 9
LINE_ACCEPTED: Final = 10
LINE_LIKE: Final = 11
LINE_FIRST: Final = 12

LINE_SHORT: Final = 0
LINE_LATE: Final = 1

CAND_MODE: Final = 0
CAND_PERIOD: Final = 1
CAND_ARRIVAL: Final = 2
CAND_LOW: Final = 3
CAND_STEP: Final = 4
CAND_HIGH: Final = 5
CAND_USAGE: Final = 6
CAND_CELL: Final = 7
CAND_PUBLISHED: Final = 8
CAND_OFFER: Final = 9
CAND_LIMIT: Final = 10
CAND_DEAL: Final = 11

CAND_UNIT: Final = 0
CAND_ORDER: Final = 1

LOT_WAREHOUSE: Final = 0
LOT_PERIOD: Final = 1
LOT_PIECES: Final = 2
LOT_POOL: Final = 3
LOT_EXPIRES: Final = 4
LOT_HUB: Final = 5
LOT_SLOT: Final = 6

SOURCE_WAREHOUSE: Final = 0
SOURCE_PERIOD: Final = 1

PIN_ROW: Final = 0
PIN_LANE: Final = 1
PIN_PERIOD: Final = 2
PIN_PIECES: Final = 3

LINE_START: Final = 0
CAND_START: Final = 1
LOT_START: Final = 2
PIN_START: Final = 3
SOURCE_START: Final = 4

ITEM_HUB: Final = 0
ITEM_PERISHABLE: Final = 1
ITEM_LIFE: Final = 2
ITEM_LIFTS: Final = 3
ITEM_MAY_WAIT: Final = 4

ITEM_VOLUME: Final = 0
ITEM_SALVAGE: Final = 1
ITEM_SCRAP: Final = 2
ITEM_CHANGE: Final = 3
ITEM_SERVICE_NEED: Final = 4
ITEM_SERVICE_PRICE: Final = 5
ITEM_FAIR_PRICE: Final = 6
ITEM_CONSTANT: Final = 7

LANE_ORIGIN: Final = 0
LANE_TO: Final = 1
LANE_TIER: Final = 2
LANE_REGION: Final = 3

LANE_COST: Final = 0
LANE_VOLUME_COST: Final = 1

FROM_HUB: Final = 0
FROM_HUB_FREE: Final = 1
FROM_ELSEWHERE: Final = 2

W_LINE_TIME: Final = 0
W_LINE_LOT: Final = 1
W_TAKE: Final = 2
W_RANK: Final = 3
W_WANT: Final = 4
W_PICK: Final = 5

W_LINE_HUB: Final = 0
W_LINE_LATE_START: Final = 1
W_LINE_VALUE: Final = 2
W_LINE_ALT: Final = 3
W_LINE_GAIN: Final = 4
W_LINE_KEY: Final = 5

W_ORDER: Final = 0
W_HIGH: Final = 1
W_KEPT: Final = 2
W_KEPT_TOO: Final = 3
W_BEST: Final = 4
W_MOST: Final = 5

W_SUPPLY: Final = 0
W_FLOOR: Final = 1
W_STOCK: Final = 2
W_SOLD: Final = 3
W_FIRST: Final = 4

W_BACKLOG: Final = 0
W_LEFT: Final = 1

W_STAGE_KIND: Final = 0
W_STAGE_REF: Final = 1
W_STAGE_TOP: Final = 2

USED_GROUP: Final = 0
USED_GROUP_LIMIT: Final = 1
USED_GROUP_PRICE: Final = 2

USED_LANE: Final = 0
USED_LANE_LIMIT: Final = 1

USED_STORAGE: Final = 0
USED_STORAGE_LIMIT: Final = 1
USED_STORAGE_PRICE: Final = 2

USED_CAP: Final = 0
USED_CAP_LIMIT: Final = 1

USED_DEAL: Final = 0
USED_DEAL_LEAST: Final = 1

USED_DEALS: Final = 0
USED_BARRED: Final = 1

B_START: Final = 0
B_COUNT: Final = 1

B_LANE: Final = 0
B_PERIOD: Final = 1
B_PIECES: Final = 2
B_LINE: Final = 3
B_POOL: Final = 4

R_WAREHOUSE: Final = 0
R_PERIOD: Final = 1
R_PIECES: Final = 2
R_POOL: Final = 3
R_EXPIRES: Final = 4
R_HUB: Final = 5
R_LOT: Final = 6
R_SLOT: Final = 7
