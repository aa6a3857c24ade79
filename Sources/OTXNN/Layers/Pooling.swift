public import OTXTensor

/// The largest element of each window of `[N, C, H, W]`.
public final class MaxPool2d: Layer {
  public let kernelSize: Size2D
  public let stride: Size2D
  public let padding: Size2D
  /// Whether a window that starts inside and ends outside counts.
  public let ceilMode: Bool

  /// - `stride`: The kernel's size unless given.
  public init(
    kernelSize: Size2D,
    stride: Size2D? = nil,
    padding: Size2D = 0,
    ceilMode: Bool = false
  ) {
    self.kernelSize = kernelSize
    self.stride = stride ?? kernelSize
    self.padding = padding
    self.ceilMode = ceilMode
  }

  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try input.maxPool2d(
      kernel: kernelSize,
      stride: stride,
      padding: padding,
      ceilMode: ceilMode
    )
  }
}

/// The mean of each window of `[N, C, H, W]`.
public final class AvgPool2d: Layer {
  public let kernelSize: Size2D
  public let stride: Size2D
  public let padding: Size2D
  public let ceilMode: Bool
  /// Whether padding counts as zeros in the mean.
  public let countIncludePad: Bool

  public init(
    kernelSize: Size2D,
    stride: Size2D? = nil,
    padding: Size2D = 0,
    ceilMode: Bool = false,
    countIncludePad: Bool = true
  ) {
    self.kernelSize = kernelSize
    self.stride = stride ?? kernelSize
    self.padding = padding
    self.ceilMode = ceilMode
    self.countIncludePad = countIncludePad
  }

  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try input.avgPool2d(
      kernel: kernelSize,
      stride: stride,
      padding: padding,
      ceilMode: ceilMode,
      countIncludePad: countIncludePad
    )
  }
}

/// The means of a grid of cells, whatever the input's size.
public final class AdaptiveAvgPool2d: Layer {
  public let size: Size2D

  public init(_ size: Size2D = 1) { self.size = size }

  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try input.adaptiveAvgPool2d(size)
  }
}

/// Makes `[N, C, H, W]` larger or smaller by interpolation.
public final class Upsample: Layer {
  /// What a new element is made of: the nearest one, or the four around it.
  public enum Mode: Sendable { case nearest, bilinear }
  /// How large the result is.
  public enum Target: Sendable, Equatable {
    /// Keeps the size of an exported graph dynamic.
    case scale(Double)
    case size(Size2D)
  }
  public let target: Target
  public let mode: Mode
  /// Whether the corner elements of `bilinear` keep their place, as in many segmentation heads.
  public let alignCorners: Bool

  public init(_ target: Target, mode: Mode = .nearest, alignCorners: Bool = false) {
    self.target = target
    self.mode = mode
    self.alignCorners = alignCorners
  }

  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    switch (mode, target) {
    case (.nearest, .scale(let factor)): try input.upsampleNearest(scale: factor)
    case (.nearest, .size(let size)): try input.upsampleNearest(size: size)
    case (.bilinear, .scale(let factor)):
      try input.upsampleBilinear(scale: factor, alignCorners: alignCorners)
    case (.bilinear, .size(let size)):
      try input.upsampleBilinear(size: size, alignCorners: alignCorners)
    }
  }
}

/// The largest elements of a grid of cells, whatever the input's size.
public final class AdaptiveMaxPool2d: Layer {
  public let size: Size2D

  public init(_ size: Size2D = 1) { self.size = size }

  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try input.adaptiveMaxPool2d(size)
  }
}

/// Channels moved into space (Shi et al., 2016): `[N, C * r², H, W]` to `[N, C, H * r, W * r]`.
public final class PixelShuffle: Layer {
  public let factor: Int

  public init(_ factor: Int) { self.factor = factor }

  public func callAsFunction(_ input: Tensor) throws(TensorError) -> Tensor {
    try input.pixelShuffle(factor)
  }
}
