public import Testing

/// Expects each element of `actual` within `atol + rtol * |expected|` of `expected`'s.
///
/// The only comparison of floating numbers in our tests. The failure names the worst element.
public func expectClose<Number: BinaryFloatingPoint>(
  _ actual: [Number],
  _ expected: [Number],
  rtol: Double = 1e-5,
  atol: Double = 1e-6,
  _ comment: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  guard actual.count == expected.count else {
    Issue.record(
      "\(comment) \(actual.count) elements, expected \(expected.count)",
      sourceLocation: sourceLocation
    )
    return
  }
  var worst: (index: Int, excess: Double)?
  for (index, pair) in zip(actual, expected).enumerated() {
    let (a, e) = (Double(pair.0), Double(pair.1))
    if a == e || (a.isNaN && e.isNaN) { continue }
    let excess = abs(a - e) / (atol + rtol * abs(e))
    if excess <= 1 { continue }
    if excess.isNaN || excess > worst?.excess ?? 0 { worst = (index, excess) }
    if excess.isNaN { break }
  }
  if let worst {
    Issue.record(
      """
      \(comment) element \(worst.index) is \(actual[worst.index]), expected \
      \(expected[worst.index]) (rtol \(rtol), atol \(atol))
      """,
      sourceLocation: sourceLocation
    )
  }
}

/// Expects `actual` within `atol + rtol * |expected|` of `expected`.
public func expectClose<Number: BinaryFloatingPoint>(
  _ actual: Number,
  _ expected: Number,
  rtol: Double = 1e-5,
  atol: Double = 1e-6,
  _ comment: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) {
  expectClose(
    [actual],
    [expected],
    rtol: rtol,
    atol: atol,
    comment,
    sourceLocation: sourceLocation
  )
}
