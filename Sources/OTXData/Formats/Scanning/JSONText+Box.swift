import OTXCore

extension JSONText {
  /// A box as its corner, width and height.
  ///
  /// The sides are as exact as doubles are, so that corner and side add up to the other corner.
  mutating func member(_ name: String, cornerAndSides box: BoundingBox) {
    key(name)
    list { text in
      text.value(box.x1)
      text.value(box.y1)
      text.side(Double(box.x2) - Double(box.x1))
      text.side(Double(box.y2) - Double(box.y1))
    }
  }

  private mutating func side(_ length: Double) {
    if let whole = Int32(exactly: length) { value(Int(whole)) } else { value(length) }
  }
}
