import Foundation
import OTXCore
import OTXTensor
import OTXTesting
import Testing

/// What a tensor is made of and knows of itself, and how it says what went wrong.
@Suite struct TensorTests {
  @Test func createsAndReadsBack() throws {
    let x = try Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3])
    #expect(x.shape == [2, 3] && x.strides == [3, 1] && x.rank == 2 && x.elementCount == 6)
    #expect(x.size(-1) == 3 && x.size(0) == 2)
    #expect(x.dtype == .float32 && x.device == .cpu)
    #expect(try x.floats() == [1, 2, 3, 4, 5, 6])
    #expect(try x.sum().item() == 21)
    #expect(try Tensor(2.5 as Float).shape == [])
    #expect(try Tensor.arange(4).ints() == [0, 1, 2, 3])
    #expect(try Tensor.arange(from: 0, to: 1, step: 0.25).floats() == [0, 0.25, 0.5, 0.75])
    #expect(try Tensor.linspace(from: 0, to: 1, count: 3).floats() == [0, 0.5, 1])
    #expect(try Tensor.full([2], 7, dtype: .int32).ints() == [7, 7])
    #expect(try Tensor.eye(2).floats() == [1, 0, 0, 1])
    #expect(try Tensor([true, false], shape: [2]).bools() == [true, false])
    #expect(try x.zerosLike().shape == [2, 3])
    #expect(try x.onesLike(dtype: .int64).ints() == [1, 1, 1, 1, 1, 1])
  }

  @Test(arguments: ElementType.allCases)
  func buffersKeepTheirTypeAndBytes(_ type: ElementType) throws {
    let values = try Tensor([0, 1, 1, 0, 1, 0] as [Float], shape: [3, 2]).to(type)
    let buffer = try values.arrayBuffer()
    #expect(buffer.elementType == type && buffer.shape == [3, 2])
    #expect(buffer.bytes.count == 6 * type.byteCount)
    let back = try Tensor(buffer)
    #expect(back.dtype == type)
    #expect(try back.floats() == [0, 1, 1, 0, 1, 0])
  }

  @Test func strangersGetTheirElementsInOrder() throws {
    // Channels-last and transposed tensors read back row-major.
    let x = try Tensor((0..<24).map(Float.init), shape: [1, 2, 3, 4])
    let last = try x.to(.channelsLast)
    #expect(last.memoryFormat == .channelsLast && last.isContiguous(.channelsLast))
    #expect(!last.isContiguous() && last.strides == [24, 1, 8, 2])
    #expect(try last.floats() == (0..<24).map(Float.init))
    #expect(try x.to(.contiguous) === x)
    let turned = try Tensor([1, 2, 3, 4] as [Float], shape: [2, 2]).transpose(0, 1)
    #expect(try turned.floats() == [1, 3, 2, 4])
    #expect(try turned.contiguous().isContiguous())
  }

  @Test func borrowedMemoryIsReleasedOnce() throws {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 64)
    memory.initializeMemory(as: Float.self, repeating: 2)
    final class Count { var value = 0 }
    let released = Count()
    do {
      let borrowed = try Tensor(borrowing: memory, dtype: .float32, shape: [4]) {
        released.value += 1
        memory.deallocate()
      }
      let view = try borrowed.narrow(dim: 0, start: 1, length: 2)
      #expect(view.sharesStorage(with: borrowed))
      try borrowed.mul_(3)
      #expect(try view.floats() == [6, 6])
      #expect(released.value == 0)
    }
    #expect(released.value == 1)
    #expect(throws: TensorError.self) {
      try Tensor(borrowing: .init(start: nil, count: 0), dtype: .float32, shape: [1]) {
        released.value += 1
      }
    }
    #expect(released.value == 2)
  }

  @Test func writesInPlace() throws {
    let x = try Tensor.ones([3])
    try x.add_(Tensor.ones([3]), scale: 2)
    try x.mul_(2)
    try x.sub_(Tensor.ones([3]))
    #expect(try x.floats() == [5, 5, 5])
    try x.lerp_(Tensor.zeros([3]), weight: 0.5)
    try x.addcmul_(Tensor.ones([3]), Tensor.ones([3]), value: 0.5)
    #expect(try x.floats() == [3, 3, 3])
    try x.clamp_(max: 2)
    try x.div_(4)
    #expect(try x.floats() == [0.5, 0.5, 0.5])
    try x.copy_(Tensor([1, 2, 3]))
    #expect(try x.floats() == [1, 2, 3] && x.dtype == .float32)
    try x.maskedFill_(x.gt(1), 9)
    try x.indexPut_([Tensor([0])], Tensor([4] as [Float]))
    #expect(try x.floats() == [4, 9, 9])
    try x.fill_(3)
    try x.zero_()
    #expect(try x.floats() == [0, 0, 0])
  }

  @Test func listsAreUpdatedInOneCall() throws {
    let tensors = try (0..<60).map { try Tensor.full([2], Double($0)) }
    let norms = try TensorLists.norms(tensors)
    expectClose(try norms[3].item(), 3 * 2.0.squareRoot())
    try TensorLists.mul_(tensors, Tensor(2))
    try TensorLists.add_(tensors, tensors, scale: 0.5)
    #expect(try tensors[59].floats() == [177, 177])
    try TensorLists.zero_(tensors)
    #expect(try tensors[59].floats() == [0, 0])
    // One step from 1 with gradient 0.5: 1 - 0.1 * (0.5 + 0.01 * 1).
    let parameter = try Tensor.ones([1])
    let momentum = try Tensor.zeros([1])
    try TensorLists.fusedSGD_(
      [parameter],
      gradients: [Tensor.full([1], 0.5)],
      momentumBuffers: [momentum],
      learningRate: 0.1,
      momentum: 0.9,
      weightDecay: 0.01,
      isFirstStep: true
    )
    expectClose(try parameter.item(), 0.949)
    expectClose(try momentum.item(), 0.51)
  }

  // MARK: - What goes wrong

  @Test func mismatchSaysOperationAndShapes() throws {
    let a = try Tensor.ones([2, 3])
    let b = try Tensor.ones([4])
    let error = try #require(#expect(throws: TensorError.self) { try a + b })
    guard case .failed("add", [[2, 3], [4]], let message) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(message.contains("must match"))
    #expect("\(error)".hasPrefix("add of [2, 3], [4]: "))
    #expect(throws: TensorError.self) { try Tensor([1, 2, 3] as [Float], shape: [2, 2]) }
    #expect(throws: TensorError.self) { try Tensor([] as [Float], shape: [-1, 2]) }
    #expect(throws: TensorError.self) { try Tensor.ones([2]).item() }
    #expect(throws: TensorError.self) { try a.transpose(0, 5) }
  }

  @Test func anAbsentDeviceIsAnError() throws {
    #expect(throws: TensorError.self) { try Tensor.zeros([1], device: .cuda(0)) }
    #expect(Device.cuda(1).description == "cuda:1" && Device.cpu != Device.cuda(0))
  }

  @Test func aMissingLibraryNamesTheCommand() throws {
    let empty = FileManager.default.temporaryDirectory.appending(path: "otx-\(UUID())")
    try FileManager.default.createDirectory(at: empty, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: empty) }
    var search = NativeLibrarySearch(fileName: "libotx_torch.so", environment: [:])
    search.directories = [empty]
    let missing = #expect(throws: NativeLibraryError.self) { try TorchLibrary.verify(search) }
    #expect(missing.map(String.init(describing:))?.contains("Scripts/bootstrap.sh") == true)
    try Data("no library".utf8).write(to: empty.appending(path: "libotx_torch.so"))
    let broken = #expect(throws: NativeLibraryError.self) { try TorchLibrary.verify(search) }
    guard case .unusable(_, let reason) = broken else {
      Issue.record("\(String(describing: broken))")
      return
    }
    #expect(!reason.isEmpty)
    // A library of other sources, and one that is another library.
    let installed = NativeLibrarySearch(fileName: "libotx_torch.so")
    let other = #expect(throws: NativeLibraryError.self) {
      try TorchLibrary.verify(installed, abi: 999)
    }
    #expect(other.map(String.init(describing:))?.contains("needed 999") == true)
    #expect(throws: NativeLibraryError.self) {
      try TorchLibrary.verify(NativeLibrarySearch(fileName: "libotx_openvino.so"))
    }
    #expect(try Torch.version().hasPrefix("2."))
  }
}
