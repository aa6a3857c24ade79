public import Foundation
public import OTXCore

/// What `Tools/goldens/backbones.py` knows of one network of 3 labels, compared in plain values.
public struct BackboneGolden: Decodable, Sendable {
  /// A name and a shape of the state dictionary, and where they stand.
  public struct Mark: Decodable, Sendable {
    public var index: Int
    public var entry: String
    /// FNV-1a of all entries up to this one.
    public var digest: String
  }
  /// A gradient's length and its first elements.
  public struct Gradient: Decodable, Sendable {
    public var norm: Double
    public var first: [Double]
  }
  /// Of a step on two pictures.
  public struct Numbers: Decodable, Sendable {
    /// The `k` of the formula that draws the pictures, chosen so that no gradient hangs on rounding;
    /// weights are ``TiledFormula``'s then, else ``Formula``'s.
    public var pictures: Int?
    public var logits: [Double]
    /// With running statistics, and its gradients.
    public var loss: Double
    public var gradients: [String: Gradient]
    /// With the batch's statistics, and what becomes of the running ones.
    public var trainingLoss: Double
    public var statistics: [String: [Double]]
  }
  public var tensorCount: Int
  public var marks: [Mark]
  public var parameterCount: Int
  public var multiplyAdds: Int
  /// The published input size, `[H, W]`.
  public var defaultSize: [Int]
  /// The size of the pictures that the numbers are of.
  public var size: [Int]
  /// How far some of the published network's random first values spread around 0; `nil` where nobody
  /// looked.
  public var deviations: [String: Double]?
  /// Absent for large variants of a network whose numbers are compared already.
  public var numbers: Numbers?

  /// Reads `<name>.json` of a folder.
  public init(of name: String, in folder: URL) throws {
    let data = try Data(contentsOf: folder.appending(path: "\(name).json"))
    self = try JSONDecoder().decode(BackboneGolden.self, from: data)
  }

  /// Where names and shapes of a state dictionary, in order, part from the published ones; `nil`
  /// where they are the same.
  public func difference(of entries: [(name: String, shape: [Int])]) -> String? {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    var marks = marks[...]
    for (index, (name, shape)) in entries.enumerated() {
      let entry = "\(name) \(shape.map(String.init).joined(separator: "x"))"
      for byte in (entry + "\n").utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
      guard let mark = marks.first, mark.index == index else { continue }
      marks.removeFirst()
      guard entry == mark.entry else { return "entry \(index) is \(entry), not \(mark.entry)" }
      guard String(hash, radix: 16) == mark.digest else {
        return "one of the entries up to \(index) (\(entry)) differs"
      }
    }
    guard entries.count == tensorCount else {
      return "\(entries.count) entries, not \(tensorCount)"
    }
    return nil
  }
}

extension BackboneGolden.Numbers {
  /// The weights of the numbers' network; `nil` for entries that stay, as tables of indices do.
  public func weights(
    _ entries: [(name: String, shape: [Int], elementType: ElementType)]
  ) -> [ArrayBuffer?] {
    var tiled = TiledFormula()
    return entries.enumerated().map { index, entry in
      guard entry.elementType == .float32 else { return nil }
      guard pictures == nil else { return tiled.weight(entry.name, entry.shape, k: index) }
      return ArrayBuffer(Formula.weight(entry.name, entry.shape, k: index), shape: entry.shape)
    }
  }

  /// Two pictures of a size `[H, W]`.
  public func images(_ size: [Int]) -> ArrayBuffer {
    let shape = [2, 3] + size
    return ArrayBuffer(Formula.input(shape, k: pictures ?? 1000), shape: shape)
  }

  /// The largest difference of logits in parts of the largest logit.
  public func difference(ofLogits values: [Double]) -> Double {
    guard values.count == logits.count, values.allSatisfy(\.isFinite) else { return .infinity }
    let scale = logits.map(abs).max() ?? 1
    return zip(values, logits).map { abs($0 - $1) / scale }.max() ?? 0
  }

  /// The largest relative difference of the kept gradients' norms, and whose it is.
  public func difference(ofGradientNorms norms: [String: Double]) -> (value: Double, name: String) {
    var worst = (value: 0.0, name: "")
    for (name, gradient) in gradients.sorted(by: { $0.key < $1.key }) {
      var difference = norms[name].map { abs($0 - gradient.norm) / gradient.norm } ?? .infinity
      if difference.isNaN { difference = .infinity }
      if difference > worst.value { worst = (difference, name) }
    }
    return worst
  }
}
