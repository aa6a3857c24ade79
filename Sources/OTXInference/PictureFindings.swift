package import OTXCore

/// What models say about one picture.
package struct PictureFindings: Sendable, Equatable {
  /// What the first model found, the surest first.
  package var findings: [Finding]
  /// What to draw on the picture for it.
  package var marks: [OverlayMark]
  /// One line for people: `3 RBC, 1 WBC`.
  package var summary: String
  /// What the next model says about the part of the picture that each finding is; empty where there
  /// is no further model.
  package var inside: [PictureFindings] = []

  package init(findings: [Finding], marks: [OverlayMark], summary: String) {
    (self.findings, self.marks, self.summary) = (findings, marks, summary)
  }

  /// What to draw for all models: what a further model says about an object stands in its caption.
  package var allMarks: [OverlayMark] {
    marks.enumerated().map { index, mark in
      guard inside.indices.contains(index), case .box(let box, let caption, let color) = mark else {
        return mark
      }
      return .box(box, caption: "\(caption): \(inside[index].summary)", colorIndex: color)
    }
  }
}

extension [OverlayMark] {
  /// The marks on a picture that is `x` times as wide and `y` times as high.
  func scaled(x: Float, y: Float) -> [OverlayMark] {
    map { mark in
      guard case .box(let box, let caption, let color) = mark else { return mark }
      let scaled = BoundingBox(x1: box.x1 * x, y1: box.y1 * y, x2: box.x2 * x, y2: box.y2 * y)
      return .box(scaled, caption: caption, colorIndex: color)
    }
  }
}
