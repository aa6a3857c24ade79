/// Which weights belong to a network's head and which to its backbone, by their published names.
package enum NetworkParts {
  /// Whether a network of these weights has its backbone below a name of its own.
  package static func hasBackbone(_ names: [String]) -> Bool {
    names.contains { $0.hasPrefix("backbone.") }
  }

  /// Whether a weight is the head's: outside `backbone.`, or where there is no such name, in what
  /// torchvision and timm call their classifiers.
  package static func isHead(_ name: String, hasBackbone: Bool) -> Bool {
    guard !hasBackbone else { return !name.hasPrefix("backbone.") }
    let first = name.prefix { $0 != "." }
    return ["head", "heads", "fc", "classifier"].contains(first)
  }
}
