import OTXCore

/// What stands in a file of Datumaro's before its items.
struct DatumaroHeader {
  var labels: [String] = []
  var details = LabelDetails()
  /// Whether it was written here: then nothing has to be guessed.
  var isOwn = false
  /// Where the list of items begins.
  var itemsPosition: Int?
  /// Layouts of key points by the index of their label, until the labels are known.
  private var keypoints: [Int: KeypointLayout] = [:]
  private var colors: [Int: Color] = [:]

  /// Reads all but the items, which are passed over.
  init(_ scanner: inout JSONScanner) throws {
    var header = self
    guard scanner.nextKind() == .object else {
      throw scanner.failure("is not Datumaro's: it does not begin with an object '{'")
    }
    var hasCategories = false
    try scanner.members { scanner, key in
      switch key {
      case "dm_format_version":
        if let version = try scanner.stringIfPresent(), !version.hasPrefix("1."),
          version != "legacy"
        {
          throw scanner.failure("is of Datumaro's format version \(version); 1.0 is read")
        }
      case "infos" where scanner.nextKind() == .object:
        try scanner.members { scanner, key in
          if case "otx_version" = key { header.isOwn = true }
          try scanner.skipValue()
        }
      case "categories" where scanner.nextKind() == .object:
        hasCategories = true
        try scanner.members { try header.readCategories(&$0, $1) }
      case "items":
        guard scanner.nextKind() == .array else {
          throw scanner.failure("'items' should be a list")
        }
        guard header.itemsPosition == nil else { throw scanner.failure("'items' stands twice") }
        header.itemsPosition = scanner.position
        try scanner.skipValue()
      default: try scanner.skipValue()
      }
    }
    guard hasCategories, header.itemsPosition != nil else {
      throw DataError.unreadable(
        file: scanner.name,
        reason: "is not Datumaro's: it has no '\(hasCategories ? "items" : "categories")'"
      )
    }
    header.nameDetails()
    self = header
  }

  private init() {}

  /// Details go by a label's index in the file, and by its name afterwards.
  private mutating func nameDetails() {
    for (index, layout) in keypoints where labels.indices.contains(index) {
      let edges = layout.edges
      let numbers = edges.flatMap { [$0.from, $0.to] }
      // COCO's, which count from 1, come through as they are.
      let first = !isOwn && !numbers.contains(0) && numbers.max() == layout.names.count ? 1 : 0
      details.keypoints[labels[index]] = KeypointLayout(
        names: layout.names,
        edges: edges.map { KeypointLayout.Edge(from: $0.from - first, to: $0.to - first) }
      )
    }
    for (index, color) in colors where labels.indices.contains(index) {
      details.colors[labels[index]] = color
    }
  }

  private mutating func readCategories(_ scanner: inout JSONScanner, _ key: JSONKey) throws {
    guard scanner.nextKind() == .object else { return try scanner.skipValue() }
    switch key {
    case "label":
      try scanner.members { scanner, key in
        switch key {
        case "labels": try scanner.objects { try readLabel(&$0) }
        case "label_groups": try scanner.objects { try readGroup(&$0) }
        default: try scanner.skipValue()
        }
      }
    case "mask":
      try scanner.members { scanner, key in
        guard case "colormap" = key else { return try scanner.skipValue() }
        try scanner.objects { try readColor(&$0) }
      }
    case "points":
      try scanner.members { scanner, key in
        guard case "items" = key else { return try scanner.skipValue() }
        try scanner.objects { try readKeypoints(&$0) }
      }
    default: try scanner.skipValue()
    }
  }

  private mutating func readLabel(_ scanner: inout JSONScanner) throws {
    let position = scanner.position
    var (name, parent): (String?, String?)
    try scanner.members { scanner, key in
      switch key {
      case "name": name = try scanner.stringIfPresent()
      case "parent": parent = try scanner.stringIfPresent()
      default: try scanner.skipValue()
      }
    }
    guard let name else { throw scanner.failure("a label needs a 'name'", at: position) }
    labels.append(name)
    guard let parent, !parent.isEmpty else { return }
    if let other = details.parents.updateValue(parent, forKey: name), other != parent {
      throw scanner.failure(
        "the label '\(name)' has two parents, '\(other)' and '\(parent)'",
        at: position
      )
    }
  }

  private mutating func readGroup(_ scanner: inout JSONScanner) throws {
    var (name, kind) = ("", "")
    var members: [String] = []
    try scanner.members { scanner, key in
      switch key {
      case "name": name = try scanner.stringIfPresent() ?? ""
      case "group_type": kind = try scanner.stringIfPresent() ?? ""
      case "labels" where scanner.nextKind() == .array:
        try scanner.array { scanner in
          if let label = try scanner.stringIfPresent() { members.append(label) }
        }
      default: try scanner.skipValue()
      }
    }
    if kind == "exclusive" {
      details.exclusiveGroups.append(LabelGroup(name: name, labels: members))
    }
  }

  private mutating func readColor(_ scanner: inout JSONScanner) throws {
    var index: Int?
    var levels: [Float] = [0, 0, 0]
    try scanner.members { scanner, key in
      switch key {
      case "label_id": index = try scanner.integerIfPresent()
      case "r": levels[0] = Float(try scanner.integerIfPresent() ?? 0)
      case "g": levels[1] = Float(try scanner.integerIfPresent() ?? 0)
      case "b": levels[2] = Float(try scanner.integerIfPresent() ?? 0)
      default: try scanner.skipValue()
      }
    }
    if let index { colors[index] = Color(levels: levels) }
  }

  private mutating func readKeypoints(_ scanner: inout JSONScanner) throws {
    var index: Int?
    var names: [String] = []
    var edges: [KeypointLayout.Edge] = []
    try scanner.members { scanner, key in
      switch key {
      case "label_id": index = try scanner.integerIfPresent()
      case "labels" where scanner.nextKind() == .array:
        try scanner.array { names.append(try $0.stringIfPresent() ?? "") }
      case "joints" where scanner.nextKind() == .array:
        try scanner.array { scanner in
          guard scanner.nextKind() == .array else { return try scanner.skipValue() }
          var numbers: [Float] = []
          try scanner.appendNumbers(to: &numbers)
          let joint = numbers.compactMap { Int(exactly: $0) }
          guard joint.count == 2 else { return }
          edges.append(KeypointLayout.Edge(from: joint[0], to: joint[1]))
        }
      default: try scanner.skipValue()
      }
    }
    if let index { keypoints[index] = KeypointLayout(names: names, edges: edges) }
  }
}

extension JSONScanner {
  /// Walks a list of objects; other values are passed over.
  mutating func objects(_ body: (inout JSONScanner) throws -> Void) throws {
    guard nextKind() == .array else { return try skipValue() }
    try array { scanner in
      guard scanner.nextKind() == .object else { return try scanner.skipValue() }
      try body(&scanner)
    }
  }
}
