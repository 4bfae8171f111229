// What runs in the browser: figures in grid cells, and updates that never move a row or end an edit.
"use strict";
window.sc = {
  lang: "en", zone: "UTC", currency: "CNY",
  set(facts) { Object.assign(this, facts); },
  int(value) { return value == null ? "–" : new Intl.NumberFormat("en").format(value); },
  money(minor) {
    if (minor == null) return "–";
    const sign = { CNY: "¥", EUR: "€", USD: "$", GBP: "£" }[this.currency] || this.currency + " ";
    const major = minor / 100, digits = Math.abs(major) < 1000 ? 2 : 0;
    return sign + new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(major);
  },
  moment(at) {
    if (at == null) return "–";
    const parts = {};
    const style = { timeZone: this.zone, month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    for (const part of new Intl.DateTimeFormat("en", style).formatToParts(at)) parts[part.type] = part.value;
    return `${parts.month}-${parts.day} ${parts.hour}:${parts.minute}`;
  },
  chip(text, tone, icon) {
    const chip = document.createElement("span");
    chip.className = "chip " + (tone || "");
    if (icon) {
      const sign = document.createElement("i");
      sign.className = "material-icons"; sign.setAttribute("aria-hidden", "true"); sign.textContent = icon;
      chip.append(sign);
    }
    chip.append(text);
    return chip;
  },
  chips(list) {
    const box = document.createElement("span");
    box.className = "chips";
    for (const [text, tone, icon] of list || []) box.append(this.chip(text, tone, icon));
    return box;
  },
  // Fresh data for rows on screen. `setData` sorts nothing, so no row moves; a row being edited or drafted is left alone.
  patch(grid, rows, drafts) {
    const api = getElement(grid)?.api;
    if (!api) return;
    const busy = new Set(api.getEditingCells().map((cell) => api.getDisplayedRowAtIndex(cell.rowIndex)?.id));
    for (const row of rows) {
      const node = api.getRowNode(row.id);
      if (node && !busy.has(row.id) && !drafts.includes(row.id)) node.setData(row);
    }
  },
  remember(name, value) {
    document.cookie = `${name}=${value}; path=/; SameSite=Lax; max-age=31536000`;
    location.reload();
  },
};
