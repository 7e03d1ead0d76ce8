#pragma once

#include <span>
#include <string>
#include <string_view>

namespace itemgate {

struct Point {
  double x = 0;
  double y = 0;
};

/// Collects the elements of a picture in the house's style. A look is one or more words: "title", "panel", "quiet",
/// "middle" and "end" of texts; "range" and "grid" of lines; "first" to "sixth" of curves.
class Canvas {
 public:
  explicit Canvas(double width) : width_(width) {}

  void Text(Point at, std::string_view look, std::string_view text);
  void Bar(Point corner, double width, double height);
  void Line(Point from, Point to, std::string_view look);
  void Dot(Point at, double radius);
  /// A line through all the points.
  void Curve(std::span<const Point> points, std::string_view look);

  /// The whole document of that height, a self-contained SVG.
  [[nodiscard]] std::string Take(double height);

 private:
  Canvas& Open(std::string_view element, std::string_view look);
  Canvas& Attribute(std::string_view name, double value);

  const double width_;
  std::string svg_;
};

}  // namespace itemgate
