/// What a dataset says of its labels besides their names.
public struct LabelDetails: Sendable, Equatable {
  /// The label above each, where labels form a tree.
  public var parents: [String: String] = [:]
  /// Labels of which a picture or an object has one at most.
  public var exclusiveGroups: [LabelGroup] = []
  /// Names of the key points of each label's objects.
  public var keypoints: [String: KeypointLayout] = [:]
  /// The colour of each label in label maps and on screens.
  public var colors: [String: Color] = [:]

  public init() {}

  public var isEmpty: Bool { self == LabelDetails() }
}

/// Labels that shut each other out.
public struct LabelGroup: Sendable, Hashable, Codable {
  public var name: String
  public var labels: [String]
  public init(name: String, labels: [String]) { (self.name, self.labels) = (name, labels) }
}

/// The key points that a label's objects have.
public struct KeypointLayout: Sendable, Hashable {
  public var names: [String]
  /// Pairs of points, counted from 0, that a line connects.
  public var edges: [Edge]
  /// The point that each becomes when the picture is mirrored; empty where that is not said.
  public var flips: [Int]

  /// A line between two points.
  public struct Edge: Sendable, Hashable {
    public var from: Int
    public var to: Int
    public init(from: Int, to: Int) { (self.from, self.to) = (from, to) }
  }

  public init(names: [String], edges: [Edge] = [], flips: [Int] = []) {
    (self.names, self.edges, self.flips) = (names, edges, flips)
  }
}
