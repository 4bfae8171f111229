"""Suppliers' answers: signed by the supplier, about that supplier's own lines only.

The supplier that the answers name is only believed once their secret fits the bytes. `webhook-id` is the idempotency key.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Header, Request, Response

from supplychain.domain.errors import ForbiddenError, InvalidInputError
from supplychain.messages import codec
from supplychain.messages.v1 import SupplierAnswer
from supplychain.planning.ports import Actor
from supplychain.web.api.access import RawBody, TheFront
from supplychain.web.api.batches import elements
from supplychain.web.api.idempotent import Claim, fingerprint
from supplychain.web.api.problems import TooLargeError
from supplychain.web.api.schemas import AnswersTaken
from supplychain.web.signatures import HEADERS, verify

router = APIRouter(tags=["suppliers"])
ANSWER_LIMIT: Final = 100
LINE_LIMIT: Final = 1_000
_SCHEMA: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [
                        {"$ref": "#/components/schemas/SupplierAnswer"},
                        {"type": "array", "items": {"$ref": "#/components/schemas/SupplierAnswer"}, "maxItems": 100},
                    ]
                }
            }
        },
    },
    "parameters": [{"in": "header", "name": name, "required": True, "schema": {"type": "string"}} for name in HEADERS],
    "security": [],
}


@router.post(
    "/supplier-answers",
    status_code=202,
    response_model=AnswersTaken,
    operation_id="answer_order",
    openapi_extra=_SCHEMA,
)
def take_answers(
    request: Request,
    body: RawBody,
    front: TheFront,
    content_type: Annotated[str, Header(include_in_schema=False)] = "application/json",
) -> Response:
    """Take answers to order lines: accept, short or refuse."""
    answers = [_decoded(index, data) for index, _, data in elements(body, content_type, limit=ANSWER_LIMIT)]
    supplier = answers[0].supplier
    if any(answer.supplier != supplier for answer in answers):
        raise ForbiddenError("one request carries answers of several suppliers", way_out="send one request each")
    if sum(len(answer.lines) for answer in answers) > LINE_LIMIT:
        raise TooLargeError(f"more than {LINE_LIMIT} lines", way_out="split the batch", limit=LINE_LIMIT)
    webhook = verify(body, request.headers, front.secrets_of(supplier))
    actor = Actor(f"supplier:{supplier}", frozenset({f"supplier:{supplier}"}))
    claim = Claim(front, actor.name, webhook, fingerprint(request, body))
    known = claim.begin()
    if known is not None:
        return known
    try:
        items = [{"answer_id": answer.answer_id, **front.desk.answer(answer, actor)} for answer in answers]
    except Exception:
        claim.release()
        raise
    content = codec.encode({"accepted": len(items), "items": items})
    response = Response(content, 202, media_type="application/json")
    claim.finish(response)
    return response


def _decoded(index: int, data: Any) -> SupplierAnswer:
    try:
        answer = msgspec.convert(data, SupplierAnswer)
    except msgspec.ValidationError as fault:
        raise InvalidInputError(
            f"answer {index}: {fault}", way_out="see the schema SupplierAnswer", index=index
        ) from None
    if not answer.lines:
        raise InvalidInputError(f"answer {index} has no lines", way_out="answer at least one line", index=index)
    return answer
