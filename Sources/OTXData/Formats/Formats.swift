import OTXCore

/// Every dataset format, in the order they are listed to users.
public enum Formats {
  public static let all: [any DatasetFormat] = [
    COCOFormat(),
    VOCFormat(),
    YOLOFormat(),
    DatumaroFormat(),
    CVATFormat(),
    LabelMeFormat(),
    LabelMeJSONFormat(),
    DOTAFormat(),
    KITTIDetectionFormat(),
    WIDERFaceFormat(),
    ICDARFormat(),
    OpenImagesFormat(),
    TFRecordFormat(),
    MOTFormat(),
    MOTSFormat(),
    AVAFormat(),
    KineticsFormat(),
    VideoFramesFormat(),
    ImageFolderFormat(),
    CamVidFormat(),
    CityscapesFormat(),
    CommonSegmentationFormat(),
    KITTISegmentationFormat(),
    ADE20K2017Format(),
    ADE20K2020Format(),
    MapillaryVistasFormat(),
    SYNTHIAFormat(),
    MVTecFormat(),
    CIFARFormat(),
    MNISTFormat(),
    MNISTCSVFormat(),
    ImageNetTextFormat(),
    STL10Format(),
    CelebAFormat(),
    LFWFormat(),
    VGGFace2Format(),
    Market1501Format(),
    MARSFormat(),
    RoboflowMulticlassFormat(),
    ImageTableFormat(),
    ImageMaskFormat(),
    ImageDirectoryFormat(),
    ImageZipFormat(),
    RoboflowCreateMLFormat(),
    SegmentAnythingFormat(),
    VoTTJSONFormat(),
    VoTTCSVFormat(),
    MPIIJSONFormat(),
  ]

  /// The formats that datasets can be written in, variants included.
  public static var writable: [any WritableDatasetFormat] {
    all.flatMap { [$0] + $0.variants }.compactMap { $0 as? any WritableDatasetFormat }
  }

  /// The format of a name.
  ///
  /// - Parameters:
  ///   - name: As users type it: a format's own name, an alias or a variant's; case does not
  ///     matter, nor does `-` for `_`.
  ///   - formats: Where to look.
  /// - Returns: The format.
  /// - Throws: ``ConfigurationError/unknownName(_:kind:known:)``.
  public static func named(
    _ name: String,
    among formats: [any DatasetFormat] = Formats.all
  ) throws -> any DatasetFormat {
    let wanted = name.lowercased().replacing("-", with: "_")
    let candidates = formats + formats.flatMap(\.variants)
    guard
      let format = candidates.first(where: { $0.name == wanted })
        ?? candidates.first(where: { $0.aliases.contains(wanted) })
    else {
      throw ConfigurationError.unknownName(
        name,
        kind: "dataset format",
        known: candidates.flatMap { [$0.name] + $0.aliases }
      )
    }
    return format
  }

  /// The format to write in that has a name.
  ///
  /// - Throws: ``ConfigurationError/unknownName(_:kind:known:)``.
  public static func writable(named name: String) throws -> any WritableDatasetFormat {
    let known = writable
    guard let format = try named(name) as? any WritableDatasetFormat else {
      throw ConfigurationError.unknownName(
        name,
        kind: "dataset format to write",
        known: known.map(\.name)
      )
    }
    return format
  }
}
