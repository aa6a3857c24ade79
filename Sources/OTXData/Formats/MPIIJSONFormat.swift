public import Foundation
public import OTXCore

/// MPII Human Pose as a JSON list of people, with NumPy files of what its evaluation needs.
///
/// Andriluka et al., 2D human pose estimation: new benchmark and state of the art analysis, CVPR
/// 2014. Layout and numbers as Datumaro 1.13 reads them: a visibility of 1 is a point that is known.
public struct MPIIJSONFormat: DatasetFormat {
  public let name = "mpii_json"
  public let title = "MPII Human Pose (JSON)"
  public let layouts = [
    "mpii_annotations.json (and mpii_headboxes.npy, mpii_pos_gt.npy, jnt_visible.npy) with the pictures beside it"
  ]

  static let label = "human"
  /// The joints in MPII's order, and the lines between them.
  static let joints = KeypointLayout(
    names: [
      "r_ankle", "r_knee", "r_hip", "l_hip", "l_knee", "l_ankle", "pelvis", "thorax",
      "upper_neck", "head top", "r_wrist", "r_elbow", "r_shoulder", "l_shoulder", "l_elbow",
      "l_wrist",
    ],
    edges: [
      (0, 1), (1, 2), (2, 6), (3, 4), (3, 6), (4, 5), (6, 7), (7, 8), (8, 9), (8, 12), (8, 13),
      (10, 11), (11, 12), (13, 14), (14, 15),
    ].map { KeypointLayout.Edge(from: $0.0, to: $0.1) }
  )

  private static let fileName = "mpii_annotations.json"

  public init() {}

  public func recognizes(_ root: URL) -> Recognition {
    let file = root.appending(path: MPIIJSONFormat.fileName)
    guard
      root.lastPathComponent == MPIIJSONFormat.fileName
        || FileManager.default.fileExists(atPath: file.path)
    else { return .no(nearly: nil) }
    return .certain(MPIIJSONFormat.fileName)
  }

  public func read(_ location: DataLocation) throws -> FormatReading {
    let sources = try JSONSources.find(location) { folder in
      let file = folder.appending(path: MPIIJSONFormat.fileName)
      return FileManager.default.fileExists(atPath: file.path) ? [file] : []
    }
    guard let first = sources.first else {
      throw DataError.unreadable(
        file: location.place,
        reason: "holds no \(MPIIJSONFormat.fileName)"
      )
    }
    var base = first.file.deletingLastPathComponent()
    if case .root(let root, _) = location, root.pathExtension.lowercased() != "json" { base = root }
    var reading = FormatReading(labels: [MPIIJSONFormat.label])
    reading.labelDetails.keypoints = [MPIIJSONFormat.label: MPIIJSONFormat.joints]
    for source in sources {
      let name = source.file.path(below: base)
      var reader = try MPIIReader(source.file, name: name, base: base)
      try reader.read(source.file)
      reading.items[source.subset, default: []] += reader.items
      reading.problems += reader.log.problems
    }
    reading.noteUnusedPictures(base: base)
    return reading
  }
}

/// Reads one file of people.
private struct MPIIReader {
  let name: String
  let base: URL
  var finder: PictureFinder
  var log: ProblemLog
  var items: [DatasetItem] = []
  /// `[2, 2, N]`: corners of heads.
  private let heads: NumPyArray?
  /// `[16, N]`.
  private let visible: NumPyArray?
  /// `[16, 2, N]`.
  private let poses: NumPyArray?
  private var index = 0

  init(_ file: URL, name: String, base: URL) throws {
    (self.name, self.base) = (name, base)
    let folder = file.deletingLastPathComponent()
    finder = PictureFinder(roots: [folder, folder.appending(path: "images")])
    log = ProblemLog(file: file, name: name)
    func array(_ name: String) throws -> NumPyArray? {
      let url = folder.appending(path: name)
      guard FileManager.default.fileExists(atPath: url.path) else { return nil }
      return try NumPyArray(url, name: url.path(below: base))
    }
    func checked(_ array: NumPyArray?, _ shape: [Int], _ name: String) throws -> NumPyArray? {
      guard let array, Array(array.shape.dropLast()) != shape else { return array }
      throw DataError.unreadable(file: name, reason: "has the shape \(array.shape)")
    }
    heads = try checked(array("mpii_headboxes.npy"), [2, 2], "mpii_headboxes.npy")
    visible = try checked(array("jnt_visible.npy"), [16], "jnt_visible.npy")
    poses = try checked(array("mpii_pos_gt.npy"), [16, 2], "mpii_pos_gt.npy")
  }

  mutating func read(_ file: URL) throws {
    var reader = self
    try JSONScanner.scan(file, name: name) { scanner in
      guard scanner.nextKind() == .array else {
        throw scanner.failure("is not MPII's: it does not begin with a list '['")
      }
      try scanner.array { scanner in
        guard scanner.nextKind() == .object else {
          throw scanner.failure("should be a list of objects")
        }
        try reader.readPicture(&scanner)
        reader.index += 1
      }
    }
    self = reader
  }

  private mutating func readPicture(_ scanner: inout JSONScanner) throws {
    let position = scanner.position
    var picture: String?
    var (own, others, centers) = (NumberTree.none, NumberTree.none, NumberTree.none)
    var scales = NumberTree.none
    var center: [Double] = []
    var scale: Double?
    try scanner.members { scanner, key in
      switch key {
      case "img_paths": picture = try scanner.stringIfPresent()
      case "joint_self": own = try NumberTree(&scanner)
      case "joint_others": others = try NumberTree(&scanner)
      case "objpos": center = try NumberTree(&scanner).flat
      case "scale_provided": scale = try scanner.numberIfPresent()
      case "objpos_other": centers = try NumberTree(&scanner)
      case "scale_provided_other": scales = try NumberTree(&scanner)
      default: try scanner.skipValue()
      }
    }
    guard let picture, !picture.isEmpty else {
      return try log.leftOut("incomplete image entry", at: position, "a picture needs 'img_paths'")
    }
    var annotations: [Annotation] = []
    if let keypoints = keypoints(own) {
      var person = Annotation.keypoints(keypoints, label: MPIIJSONFormat.label, box: head())
      var attributes: [String: AttributeValue] = ["center": .numbers(center)]
      if let scale { attributes["scale"] = .number(scale) }
      person.attributes = attributes
      annotations.append(person)
    } else {
      try log.leftOut(
        "incomplete annotation",
        at: position,
        "'joint_self' should be 16 lists of x, y and visibility"
      )
    }
    // One other person stands without a list around it.
    let isOne = others.depth == 2
    let people = isOne ? [others] : others.children
    for (number, joints) in people.enumerated() {
      guard let keypoints = MPIIReader.keypoints(of: joints) else {
        try log.leftOut(
          "incomplete annotation",
          at: position,
          "'joint_others' should be lists of x, y and visibility"
        )
        continue
      }
      var person = Annotation.keypoints(keypoints, label: MPIIJSONFormat.label)
      var attributes: [String: AttributeValue] = [:]
      let places = isOne ? [centers] : centers.children
      if places.indices.contains(number) { attributes["center"] = .numbers(places[number].flat) }
      let sizes = scales.flat
      if sizes.indices.contains(number) { attributes["scale"] = .number(sizes[number]) }
      person.attributes = attributes
      annotations.append(person)
    }
    let path = finder.path(of: picture)
    items.append(
      DatasetItem(
        id: path.url.path(below: base),
        image: .path(path),
        annotations: annotations,
        origin: name
      )
    )
  }

  /// The joints of the picture's own person: those of the evaluation where they are there.
  private func keypoints(_ joints: NumberTree) -> Keypoints? {
    var known = MPIIReader.keypoints(of: joints)
    if let poses, index < poses.shape[2] {
      let points = (0..<32).map { Float(poses[$0 / 2, $0 % 2, index]) }
      known = Keypoints(points: points, visibilities: Array(repeating: .hidden, count: 16))
    }
    if var pose = known, let visible, index < visible.shape[1], pose.count == 16 {
      pose.visibilities = (0..<16).map { MPIIReader.visibility(visible[$0, index]) }
      known = pose
    }
    return known
  }

  private func head() -> BoundingBox? {
    guard let heads, index < heads.shape[2] else { return nil }
    return BoundingBox(
      x1: Float(heads[0, 0, index]),
      y1: Float(heads[0, 1, index]),
      x2: Float(heads[1, 0, index]),
      y2: Float(heads[1, 1, index])
    )
  }

  private static func keypoints(of joints: NumberTree) -> Keypoints? {
    var points: [Float] = []
    var visibilities: [Keypoints.Visibility] = []
    for joint in joints.children {
      let numbers = joint.flat
      guard numbers.count == 3, numbers.allSatisfy(\.isFinite) else { return nil }
      points += [Float(numbers[0]), Float(numbers[1])]
      visibilities.append(visibility(numbers[2]))
    }
    return points.isEmpty ? nil : Keypoints(points: points, visibilities: visibilities)
  }

  private static func visibility(_ number: Double) -> Keypoints.Visibility {
    UInt8(exactly: number.rounded(.towardZero)).flatMap(Keypoints.Visibility.init) ?? .absent
  }
}

/// Numbers in lists in lists, four deep at most.
private indirect enum NumberTree {
  case none
  case number(Double)
  case list([NumberTree])

  init(_ scanner: inout JSONScanner, depth: Int = 4) throws {
    switch scanner.nextKind() {
    case .number: self = .number(try scanner.number())
    case .array where depth > 0:
      var elements: [NumberTree] = []
      try scanner.array { elements.append(try NumberTree(&$0, depth: depth - 1)) }
      self = .list(elements)
    default:
      try scanner.skipValue()
      self = .none
    }
  }

  var children: [NumberTree] { if case .list(let elements) = self { elements } else { [] } }

  /// The numbers of all lists, one after the other.
  var flat: [Double] {
    switch self {
    case .none: []
    case .number(let number): [number]
    case .list(let elements): elements.flatMap(\.flat)
    }
  }

  /// Lists around the first number.
  var depth: Int { children.first.map { $0.depth + 1 } ?? 0 }
}
