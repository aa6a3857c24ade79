import OTXCore
import OTXImage
import Testing

@Suite("Drawing predictions")
struct OverlayTests {
  private let gray = Image(
    size: ImageSize(height: 200, width: 300),
    red: 128,
    green: 128,
    blue: 128
  )

  private func color(_ image: Image, y: Int, x: Int) -> Color {
    let index = (y * image.width + x) * 3
    return Color(
      red: image.pixels[index],
      green: image.pixels[index + 1],
      blue: image.pixels[index + 2]
    )
  }

  private func box(_ x1: Float, _ y1: Float, _ x2: Float, _ y2: Float) -> BoundingBox {
    BoundingBox(x1: x1, y1: y1, x2: x2, y2: y2)
  }

  @Test("a box is outlined in its label's colour, and what is inside is left alone")
  func outline() throws {
    let result = try OverlayRenderer.draw(
      [.box(box(50, 80, 150, 160), caption: "", colorIndex: 1)],
      on: gray
    )
    #expect(color(result, y: 120, x: 50) == .label(1))
    #expect(color(result, y: 120, x: 149) == .label(1))
    #expect(color(result, y: 159, x: 100) == .label(1))
    #expect(color(result, y: 120, x: 100) == color(gray, y: 0, x: 0))
    #expect(result.size == gray.size)
  }

  @Test("labels lie inside the picture, whatever the box")
  func labelsInside() throws {
    for place in [
      box(0, 0, 300, 200), box(290, 190, 300, 200), box(-50, -50, 20, 20), box(299, 0, 300, 1),
    ] {
      let result = try OverlayRenderer.draw(
        [.box(place, caption: "some label 99%", colorIndex: 0)],
        on: gray
      )
      let labelPixels = (0..<200 * 300).count { index in
        color(result, y: index / 300, x: index % 300) == .label(0)
      }
      // A label of about 14 letters, 9 pixels high.
      #expect(labelPixels > 600, "\(place)")
    }
  }

  @Test("labels of boxes in one place do not cover each other")
  func labelsApart() throws {
    let marks = (0..<4).map { index in
      OverlayMark.box(box(100, 60, 200, 180), caption: "label", colorIndex: index)
    }
    let together = try OverlayRenderer.draw(marks, on: gray)
    func area(_ image: Image, _ index: Int) -> Int {
      (0..<200 * 300).count { color(image, y: $0 / 300, x: $0 % 300) == .label(index) }
    }
    for index in 0..<4 {
      let alone = try OverlayRenderer.draw(
        [.box(box(100, 60, 200, 180), caption: "label", colorIndex: index)],
        on: gray
      )
      let outline = try OverlayRenderer.draw(
        [.box(box(100, 60, 200, 180), caption: "", colorIndex: index)],
        on: gray
      )
      let label = area(alone, index) - area(outline, index)
      #expect(area(together, index) >= label * 3 / 4, "label \(index) is covered")
    }
  }

  @Test("text is black on light colours and white on dark ones")
  func contrast() {
    #expect(Color.white.contrasting == .black)
    #expect(Color.black.contrasting == .white)
    #expect(Color(red: 20, green: 20, blue: 160).contrasting == .white)
    #expect(Color(red: 240, green: 230, blue: 60).contrasting == .black)
  }

  @Test("the first labels' colours differ well")
  func colors() {
    let colors = (0..<21).map { Color.label($0) }
    #expect(Set(colors).count == 21)
    for (index, a) in colors.prefix(7).enumerated() {
      for b in colors.prefix(index) {
        let distance =
          abs(Int(a.red) - Int(b.red)) + abs(Int(a.green) - Int(b.green))
          + abs(Int(a.blue) - Int(b.blue))
        #expect(distance > 100)
      }
    }
    _ = Color.label(-1)
  }

  @Test("odd marks and pictures draw without harm")
  func oddities() throws {
    let marks: [OverlayMark] = [
      .box(box(.nan, 0, 10, 10), caption: "nan", colorIndex: 0),
      .box(box(10, 10, 10, 10), caption: "Größe Ærø 標籤", colorIndex: 5),
      .box(box(-1e9, -1e9, 1e9, 1e9), caption: "", colorIndex: -3),
      .caption("first", colorIndex: 0),
      .caption(String(repeating: "long ", count: 100), colorIndex: 1),
    ]
    for size in [(1, 1), (3, 400), (64, 64)] {
      let image = Image(size: ImageSize(height: size.0, width: size.1))
      #expect(try OverlayRenderer.draw(marks, on: image).size == image.size)
    }
    #expect(try OverlayRenderer.draw(marks, on: .empty) == .empty)
  }
}
