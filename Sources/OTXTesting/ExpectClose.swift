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
  if let text = difference(of: actual, from: expected, rtol: rtol, atol: atol) {
    Issue.record("\(comment) \(text)", sourceLocation: sourceLocation)
  }
}

/// What ``expectClose`` says of two arrays; `nil` where they are close.
public func difference<Number: BinaryFloatingPoint>(
  of actual: [Number],
  from expected: [Number],
  rtol: Double = 1e-5,
  atol: Double = 1e-6
) -> String? {
  guard actual.count == expected.count else {
    return "\(actual.count) elements, expected \(expected.count)"
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
  return worst.map {
    """
    element \($0.index) is \(actual[$0.index]), expected \(expected[$0.index]) \
    (rtol \(rtol), atol \(atol))
    """
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
