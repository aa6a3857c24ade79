/// Where a tensor's memory is.
public struct Device: Hashable, Sendable, CustomStringConvertible {
  /// A kind of device.
  ///
  /// Raw values are those of `c10::DeviceType`.
  public enum Kind: Int, Sendable {
    case cpu = 0
    case cuda = 1
  }

  public let kind: Kind
  /// Which of several; 0 for the CPU.
  public let index: Int

  private init(_ kind: Kind, _ index: Int) { (self.kind, self.index) = (kind, index) }

  public static let cpu = Device(.cpu, 0)

  /// The `index`-th CUDA GPU.
  public static func cuda(_ index: Int) -> Device { Device(.cuda, index) }

  public var description: String {
    switch kind {
    case .cpu: "cpu"
    case .cuda: "cuda:\(index)"
    }
  }

  /// The table's number: kind below, index in the upper half; the CPU has no index.
  var packed: Int64 {
    Int64(kind.rawValue) | (Int64(kind == .cpu ? -1 : index) << 32)
  }

  init?(packed: Int64) {
    guard let kind = Kind(rawValue: Int(packed & 0xffff)) else { return nil }
    self.init(kind, max(Int(packed >> 32), 0))
  }
}
