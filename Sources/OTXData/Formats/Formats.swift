import OTXCore

/// Every dataset format, in the order they are listed to users.
public enum Formats {
  public static let all: [any DatasetFormat] = [
    COCOFormat(),
    VOCFormat(),
    YOLOFormat(),
    ImageFolderFormat(),
  ]

  /// The format of a name.
  ///
  /// - Parameters:
  ///   - name: As users type it; case does not matter.
  ///   - formats: Where to look.
  /// - Returns: The format.
  /// - Throws: ``ConfigurationError/unknownName(_:kind:known:)``.
  public static func named(
    _ name: String,
    among formats: [any DatasetFormat] = Formats.all
  ) throws -> any DatasetFormat {
    guard let format = formats.first(where: { $0.name == name.lowercased() }) else {
      throw ConfigurationError.unknownName(
        name,
        kind: "dataset format",
        known: formats.map(\.name)
      )
    }
    return format
  }
}
