public import Foundation
public import OTXCore
public import Testing

/// The results that a reference implementation gave, read from a file that a script in
/// `Tools/goldens` wrote.
public struct Golden: Sendable {
  /// What is kept of one tensor.
  public struct Digest: Decodable, Sendable {
    public var shape: [Int]
    public var sum: Double
    public var absSum: Double
    /// All elements where they are few, else evenly spaced ones: element `j * (n - 1) / (s - 1)`.
    public var samples: [Double]
  }

  public let name: String
  private let cases: [String: Digest]

  /// Reads `Goldens/<name>.json` of the test target whose `bundle` is given (`.module`).
  public init(_ name: String, in bundle: Bundle) throws {
    struct File: Decodable { var cases: [String: Digest] }
    self.name = name
    let url = bundle.bundleURL.appending(path: "Goldens/\(name).json")
    cases = try JSONDecoder().decode(File.self, from: Data(contentsOf: url)).cases
  }

  /// The names of the cases, sorted.
  public var caseNames: [String] { cases.keys.sorted() }

  /// The digest of one case; a missing one is an error that names the file.
  public func digest(_ key: String) throws -> Digest {
    guard let digest = cases[key] else { throw MissingCase(file: name, key: key) }
    return digest
  }

  /// A case that was asked for and is not in the file.
  public struct MissingCase: Error, CustomStringConvertible {
    var file: String
    var key: String
    public var description: String {
      "Goldens/\(file).json has no case '\(key)'; run its script in Tools/goldens again"
    }
  }

  /// An array that cannot be compared with its case.
  public struct OtherShape: Error, CustomStringConvertible {
    public let description: String
  }

  /// Expects an array to have the case's shape and samples, and its sums.
  ///
  /// The sums are compared relative to the sum of magnitudes, so that rounding does not count.
  public func expect(
    _ key: String,
    _ actual: ArrayBuffer,
    rtol: Double = 1e-4,
    atol: Double = 1e-5,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let digest = try digest(key)
    guard actual.shape == digest.shape, let values = actual.doubles() else {
      throw OtherShape(
        description:
          "\(name)/\(key): \(actual.elementType) \(actual.shape), expected shape \(digest.shape)"
      )
    }
    let count = digest.samples.count
    let picked =
      values.count <= count
      ? values : (0..<count).map { values[$0 * (values.count - 1) / (count - 1)] }
    let label = "\(name)/\(key)"
    expectClose(
      picked,
      digest.samples,
      rtol: rtol,
      atol: atol,
      label,
      sourceLocation: sourceLocation
    )
    let slack = atol * Double(max(values.count, 1)).squareRoot() + rtol * digest.absSum
    expectClose(
      values.reduce(0, +),
      digest.sum,
      rtol: 0,
      atol: slack,
      "\(label) sum",
      sourceLocation: sourceLocation
    )
    expectClose(
      values.reduce(0) { $0 + abs($1) },
      digest.absSum,
      rtol: 0,
      atol: slack,
      "\(label) sum of magnitudes",
      sourceLocation: sourceLocation
    )
  }

  /// Expects plain numbers (one axis, or a scalar's single one) to be the case's.
  public func expect(
    _ key: String,
    _ actual: [Double],
    rtol: Double = 1e-6,
    atol: Double = 1e-9,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    expectClose(
      actual,
      try digest(key).samples,
      rtol: rtol,
      atol: atol,
      "\(name)/\(key)",
      sourceLocation: sourceLocation
    )
  }
}
