/// Which training pictures an epoch takes, and in which order.
public enum Sampler: String, Codable, CaseIterable, Sendable {
  /// Balanced where some labels have far fewer pictures than others, else shuffled.
  case auto
  /// Every picture once, in random order.
  case shuffle
  /// Every picture at least once, those of rare labels more often, in random order.
  case balanced
  /// Every picture once, in the dataset's order.
  case sequential
}

/// Whether JPEG files that are much larger than the network's input are decoded at ½, ¼ or ⅛.
public enum ReducedDecoding: String, Codable, CaseIterable, Sendable {
  /// In training only: evaluation sees what a deployed model sees.
  case auto
  /// In evaluation too.
  case on = "true"
  case off = "false"
}

/// How much memory decoded pictures may take between epochs.
public enum CacheLimit: Sendable, Equatable {
  case none
  /// A quarter of the memory that is free, 1 GiB at most.
  case auto
  case bytes(Int)
}

extension CacheLimit: Codable, LosslessStringConvertible {
  public init?(_ text: String) {
    switch text.lowercased() {
    case "none", "0": self = .none
    case "auto": self = .auto
    default:
      guard let count = ByteCount(text) else { return nil }
      self = .bytes(count.bytes)
    }
  }

  /// `none`, `auto`, `512MiB` or a plain number of bytes.
  public var description: String {
    switch self {
    case .none: "none"
    case .auto: "auto"
    case .bytes(let count) where count % (1 << 20) == 0: "\(count >> 20)MiB"
    case .bytes(let count): "\(count)"
    }
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try (try? container.decode(String.self)) ?? String(container.decode(Int.self))
    guard let limit = CacheLimit(text) else {
      throw DecodingError.dataCorruptedError(
        in: container,
        debugDescription: "'\(text)' is not none, auto or a size such as 2GiB"
      )
    }
    self = limit
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
