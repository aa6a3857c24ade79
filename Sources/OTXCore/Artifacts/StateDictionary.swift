/// The weights of a network by name, in the order in which the network declares them.
///
/// What PyTorch calls a state dict: parameters and buffers, each a plain array of numbers.
public struct StateDictionary: Sendable, Equatable {
  /// A weight and the name it has: `layer1.0.conv1.weight`.
  public struct Entry: Sendable, Equatable {
    public var name: String
    public var value: ArrayBuffer
    public init(name: String, value: ArrayBuffer) { (self.name, self.value) = (name, value) }
  }

  private var entries: [Entry] = []
  private var positions: [String: Int] = [:]

  public init() {}

  /// A dictionary of `entries`, in their order; of two of one name the later wins.
  public init(_ entries: some Sequence<Entry>) {
    for entry in entries { self[entry.name] = entry.value }
  }

  public static func == (left: StateDictionary, right: StateDictionary) -> Bool {
    left.entries == right.entries
  }

  /// The weight called `name`.
  ///
  /// Setting a new name appends it, setting `nil` removes it.
  public subscript(name: String) -> ArrayBuffer? {
    get { positions[name].map { entries[$0].value } }
    set {
      switch (positions[name], newValue) {
      case (let position?, let value?): entries[position].value = value
      case (nil, let value?):
        positions[name] = entries.count
        entries.append(Entry(name: name, value: value))
      case (let position?, nil):
        entries.remove(at: position)
        positions[name] = nil
        for index in position..<entries.count { positions[entries[index].name] = index }
      case (nil, nil): break
      }
    }
  }

  public var names: [String] { entries.map(\.name) }

  /// Bytes of all weights together.
  public var byteCount: Int { entries.reduce(0) { $0 + $1.value.bytes.count } }
}

extension StateDictionary: RandomAccessCollection {
  public var startIndex: Int { 0 }
  public var endIndex: Int { entries.count }
  public subscript(position: Int) -> Entry { entries[position] }
}
