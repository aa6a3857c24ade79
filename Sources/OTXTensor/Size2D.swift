/// Two numbers for the two axes of a picture: a kernel, a stride, a padding.
///
/// One integer means the same for both, as in PyTorch.
public struct Size2D: Hashable, Sendable, ExpressibleByIntegerLiteral {
  public var height: Int
  public var width: Int

  public init(height: Int, width: Int) { (self.height, self.width) = (height, width) }
  public init(_ both: Int) { self.init(height: both, width: both) }
  public init(integerLiteral value: Int) { self.init(value) }
}
