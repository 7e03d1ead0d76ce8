#include "bench/canvas.h"

#include <utility>

#include "bench/figures.h"

namespace itemgate {
namespace {

constexpr std::string_view kStyle = R"(<style>
text{font:13px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#1f2933}
.title{font-size:19px;font-weight:600}.panel{font-size:14px;font-weight:600}
.quiet{fill:#6b7785;font-size:12px}.middle{text-anchor:middle}.end{text-anchor:end}
.bar{fill:#3f7cac}.range{stroke:#d98c3f;stroke-width:3;stroke-linecap:round}
.median{fill:#b4611b}.grid{stroke:#e4e8ec}
polyline{fill:none;stroke-width:1.8;stroke-linejoin:round}
.first{stroke:#3f7cac}.second{stroke:#d98c3f}.third{stroke:#5a9367}
.fourth{stroke:#a4508b}.fifth{stroke:#c0392b}.sixth{stroke:#6b7785}
</style>
)";

}  // namespace

void Canvas::Text(Point at, std::string_view look, std::string_view text) {
  Open("text", look).Attribute("x", at.x).Attribute("y", at.y);
  svg_.append(">").append(text).append("</text>\n");
}

void Canvas::Bar(Point corner, double width, double height) {
  Open("rect", "bar").Attribute("x", corner.x).Attribute("y", corner.y);
  Attribute("width", width).Attribute("height", height).Attribute("rx", 2);
  svg_.append("/>\n");
}

void Canvas::Line(Point from, Point to, std::string_view look) {
  Open("line", look).Attribute("x1", from.x).Attribute("y1", from.y);
  Attribute("x2", to.x).Attribute("y2", to.y);
  svg_.append("/>\n");
}

void Canvas::Dot(Point at, double radius) {
  Open("circle", "median").Attribute("cx", at.x).Attribute("cy", at.y).Attribute("r", radius);
  svg_.append("/>\n");
}

void Canvas::Curve(std::span<const Point> points, std::string_view look) {
  Open("polyline", look);
  svg_.append(" points=\"");
  for (const Point& point : points)
    svg_.append(Decimal(point.x, 1)).append(",").append(Decimal(point.y, 1)).append(" ");
  svg_.append("\"/>\n");
}

std::string Canvas::Take(double height) {
  const std::string width_text = Decimal(width_, 0);
  const std::string height_text = Decimal(height, 0);
  std::string document = R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 )";
  document += width_text + " " + height_text + "\" width=\"" + width_text + "\" height=\"" +
              height_text + "\">\n";
  document.append(kStyle).append("<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n");
  return document + std::exchange(svg_, {}) + "</svg>\n";
}

Canvas& Canvas::Open(std::string_view element, std::string_view look) {
  svg_.append("<").append(element).append(" class=\"").append(look).append("\"");
  return *this;
}

Canvas& Canvas::Attribute(std::string_view name, double value) {
  svg_.append(" ").append(name).append("=\"").append(Decimal(value, 1)).append("\"");
  return *this;
}

}  // namespace itemgate
