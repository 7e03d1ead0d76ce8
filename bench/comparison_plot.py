"""Draws what bench/compare measured: for each case the rates of Itemgate, of its best peer and of the floor."""

WIDTH, MARGIN, TOP = 860, 28, 104
BAR_LEFT, BAR_WIDTH, BAR_HEIGHT = 158, 400, 10
ROW_HEIGHT, PANEL_HEAD, PANEL_GAP = 3 * BAR_HEIGHT + 13, 30, 20
STYLE = """<style>
text{font:13px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#1f2933}
.title{font-size:19px;font-weight:600}.panel{font-size:14px;font-weight:600}
.quiet{fill:#6b7785;font-size:12px}.small{font-size:10px}.end{text-anchor:end}
.itemgate{fill:#3f7cac}.peer{fill:#d98c3f}.floor{fill:#c9d1d9}
</style>
"""
MEANINGS = {"W1": "half duplicates, durable", "W2": "half duplicates, in memory",
            "W3": "all distinct, durable", "W4": "99 % duplicates, durable"}


def short(rate):
    for limit, divisor, unit in ((999.5, 1, ""), (999.5e3, 1e3, " k")):
        if rate < limit:
            return f"{rate / divisor:.3g}{unit}"
    return f"{rate / 1e6:.3g} M"


def text(x, y, look, words):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{look}">{words}</text>\n'


def bar(y, width, look, left=BAR_LEFT):
    size = f'width="{max(width, 1):.1f}" height="{BAR_HEIGHT - 1}" rx="1.5"'
    return f'<rect x="{left}" y="{y:.1f}" {size} class="{look}"/>\n'


def row_label(row):
    callers = row["callers"]
    if row["items_per_call"] > 1:
        return f"{callers} x batch {row['items_per_call']}"
    return f"{callers} caller" + ("s" if callers > 1 else "")


def draw_row(row, y, fastest):
    bars = [("itemgate", "itemgate", ""), ("peer", row["best_peer"], row["best_peer"]), ("floor", "floor", "")]
    out = text(BAR_LEFT - 12, y + 1.5 * BAR_HEIGHT + 4, "end", row_label(row))
    for place, (look, who, name) in enumerate(bars):
        if who not in row["medians"]:
            continue
        rate = row["medians"][who]["items_per_s"]
        width = BAR_WIDTH * rate / fastest
        top = y + place * BAR_HEIGHT
        out += bar(top, width, look)
        out += text(BAR_LEFT + width + 6, top + BAR_HEIGHT - 1, "small", f"{short(rate)} {name}")
    if row["ours_to_best_peer"] is not None:
        out += text(WIDTH - MARGIN, y + 1.5 * BAR_HEIGHT + 4, "end", f"{row['ours_to_best_peer']:.1f} x the best peer")
    return out


def draw(summary):
    out = text(MARGIN, 38, "title", "Itemgate beside other ways to save each content once")
    out += text(MARGIN, 60, "quiet", "items/s, medians; each panel to its own scale")
    for x, look, words in ((MARGIN, "itemgate", "Itemgate"), (MARGIN + 96, "peer", "best peer"),
                           (MARGIN + 196, "floor", "floor: what the machine allows for this work")):
        out += f'<rect x="{x}" y="74" width="12" height="12" rx="2" class="{look}"/>\n'
        out += text(x + 18, 84.5, "quiet", words)
    y = TOP
    for workload, meaning in MEANINGS.items():
        rows = [row for row in summary if row["workload"] == workload and row["medians"]]
        if not rows:
            continue
        fastest = max(figures["items_per_s"] for row in rows for figures in row["medians"].values())
        out += text(MARGIN, y + 16, "panel", workload) + text(MARGIN + 34, y + 16, "quiet", meaning)
        y += PANEL_HEAD
        for row in rows:
            out += draw_row(row, y, fastest)
            y += ROW_HEIGHT
        y += PANEL_GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}">\n'
    return head + STYLE + '<rect width="100%" height="100%" fill="#fff"/>\n' + out + "</svg>\n"


def draw_pairs(summary, title):
    """For each row with somebody to compare with two bars, and the ratio."""
    rows = [row for row in summary if row["ratio"]]
    left, width = 238, 320
    out = text(MARGIN, 38, "title", title)
    out += text(MARGIN, 60, "quiet", "requests/s or items/s, medians; each pair to its own scale")
    y = TOP - 20
    for row in rows:
        fastest = max(row["itemgate"], row["theirs"])
        out += text(left - 12, y + BAR_HEIGHT + 4, "end", row["row"])
        for place, (look, rate, name) in enumerate((("itemgate", row["itemgate"], "itemgate"),
                                                    ("peer", row["theirs"], row["compared_with"]))):
            length = width * rate / fastest
            top = y + place * BAR_HEIGHT
            out += bar(top, length, look, left)
            out += text(left + length + 6, top + BAR_HEIGHT - 1, "small", f"{short(rate)} {name}")
        target = f" (target {row['target']:g})" if row["target"] is not None else ""
        out += text(WIDTH - MARGIN, y + BAR_HEIGHT + 4, "end", f"{row['ratio']:.2f} x{target}")
        y += 2 * BAR_HEIGHT + 13
    y += 10
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}">\n'
    return head + STYLE + '<rect width="100%" height="100%" fill="#fff"/>\n' + out + "</svg>\n"
