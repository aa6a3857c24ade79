import Dispatch
import Foundation
import OTXCore
import OTXTensor
import OTXTesting
import Testing

/// What belongs to the whole process: memory, seed, threads, determinism.
///
/// Where a test changes it, it does so in a process of its own, since all others run meanwhile.
@Suite struct ProcessTests {
  @Test func outOfMemoryIsThrown() throws {
    let error = try #require(
      #expect(throws: TensorError.self) { try Tensor.zeros([1 << 40]) }
    )
    guard case .outOfMemory(let requested, let inUse, let limit) = error else {
      Issue.record("\(error)")
      return
    }
    #expect(requested == 4 << 40 && limit > 0 && inUse <= limit)
    // Work goes on.
    #expect(try (Tensor.ones([1000]) * 2).sum().item() == 2000)
    #expect(throws: TensorError.self) { try Tensor.zeros([1 << 62, 1 << 30]) }
  }

  @Test func theBudgetHolds() async throws {
    await #expect(processExitsWith: .success) {
      let start = try Torch.memory()
      let limit = start.inUse + (200 << 20)
      try Torch.setMemoryLimit(limit)
      var kept: [Tensor] = []
      // 64 MiB each: the third or fourth does not fit.
      let error = #expect(throws: TensorError.self) {
        for _ in 0..<8 { kept.append(try Tensor.zeros([16 << 20])) }
      }
      guard case .outOfMemory(64 << 20, _, limit) = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(kept.count >= 2)
      #expect(try Torch.memory().inUse <= limit)
      kept = []
      // What was freed is kept, and makes way for another size.
      #expect(try Torch.memory().cached >= 128 << 20)
      let other = try Tensor.zeros([40 << 20])
      #expect(try other.sum().item() == 0)
      let figures = try Torch.memory()
      #expect(figures.inUse + figures.cached <= limit && figures.peak >= 128 << 20)
      try Torch.setMemoryLimit(nil)
      #expect(try Torch.memory().limit > limit)
      // An operation deep inside a backward pass throws as well.
      let x = try Tensor.ones([4 << 20]).requiresGrad_()
      let y = try x.exp().sin().exp().sum()
      try Torch.setMemoryLimit(Torch.memory().inUse + (1 << 20))
      try Torch.emptyMemoryCache()
      #expect(throws: TensorError.self) { try y.backward() }
    }
  }

  @Test func freedMemoryIsUsedAgain() async throws {
    await #expect(processExitsWith: .success) {
      func step() throws { _ = try (Tensor.ones([8 << 20]) * 2 + 1).sum().item() }
      try step()
      let before = try Torch.memory()
      for _ in 0..<10 { try step() }
      let after = try Torch.memory()
      #expect(after.inUse == before.inUse && after.cached == before.cached)
      try Torch.emptyMemoryCache()
      #expect(try Torch.memory().cached == 0)
      try Torch.resetMemoryPeak()
      #expect(try Torch.memory().peak == after.inUse)
    }
  }

  @Test func aSeedGivesTheSameNumbers() async throws {
    await #expect(processExitsWith: .success) {
      func draw() throws -> [Float] {
        let x = try Tensor.ones([64])
        try x.normal_()
        return try Tensor.cat([
          .rand([5]), .randn([5]), x, .ones([64]).dropout(p: 0.5, training: true),
          Tensor.randperm(9).to(.float32), Tensor.randint(3..<8, [20]).to(.float32),
        ]).floats()
      }
      try Torch.seed(7)
      let first = try draw()
      let second = try draw()
      try Torch.seed(7)
      #expect(try draw() == first)
      #expect(first != second)
      #expect(first.suffix(20).allSatisfy { (3..<8).contains($0) })
    }
  }

  @Test func threadsAndDeterminismAreSet() async throws {
    await #expect(processExitsWith: .success) {
      try Torch.setThreadCount(1)
      #expect(try Torch.threadCount() == 1)
      #expect(throws: TensorError.self) { try Torch.setThreadCount(0) }
      #expect(try Torch.determinism() == .off)
      try Torch.setDeterminism(.on)
      #expect(try Torch.determinism() == .on)
      // The backward of indexing adds in any order unless asked not to.
      let x = try Tensor.randn([50]).requiresGrad_()
      let index = try Tensor.randint(0..<50, [20_000])
      let weights = try Tensor.randn([20_000])
      var gradients: [[Float]] = []
      try Torch.setThreadCount(2)
      for _ in 0..<5 {
        try x.setGrad(nil)
        try (x.index([index]) * weights).sum().backward()
        gradients.append(try #require(try x.grad).floats())
      }
      #expect(gradients.allSatisfy { $0 == gradients[0] })
      try Torch.setDeterminism(.warn)
      #expect(try Torch.determinism() == .warn)
    }
  }

  /// The processors that the threads of these names may run on, as the system writes them.
  private static func processors(ofThreads isMeant: (String) -> Bool) throws -> [String] {
    let tasks = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")
    return tasks.compactMap { task in
      guard
        let text = try? String(contentsOfFile: "/proc/self/task/\(task)/status", encoding: .utf8)
      else { return nil }
      func field(_ key: String) -> String {
        text.split(separator: "\n").first { $0.hasPrefix(key) }?.split(separator: "\t").last
          .map(String.init) ?? ""
      }
      return isMeant(field("Name:")) ? field("Cpus_allowed_list:") : nil
    }
  }

  @Test func threadsStayOnTheirCoresOnRequest() async throws {
    try #require(Processor.current.computeCores.count >= 2)
    await #expect(processExitsWith: .success) {
      let cores = Processor.current.computeCores.prefix(2)
      let all = Processor.current.cores.flatMap(\.processors).sorted()
      #expect(Torch.bindThreads(to: Array(cores), leaving: all))
      let done = DispatchSemaphore(value: 0)
      let loader = DispatchSemaphore(value: 0)
      try SystemThread.start(name: "computes") {
        #expect(throws: Never.self) {
          try Torch.setThreadCount(2)
          let matrix = try Tensor.ones([512, 512])
          _ = try matrix.matmul(matrix)
          // The two that worked, each on a core of its own; libtorch has other pools, which are idle.
          let bound = try Self.processors { $0 == "computes" }
          #expect(Set(bound).isSuperset(of: cores.map { Self.list($0.processors) }), "\(bound)")
          try SystemThread.start(name: "loads") {
            #expect((try? Self.processors { $0 == "loads" }) == [Self.list(all)])
            loader.signal()
          }
          loader.wait()
        }
        done.signal()
      }
      done.wait()
      // Whoever asks again is told that it is so.
      #expect(Torch.bindThreads(to: [], leaving: []))
    }
    await #expect(processExitsWith: .success) {
      _ = try Tensor.ones([1])
      #expect(!Torch.bindThreads(to: Processor.current.computeCores, leaving: [0]))
    }
  }

  /// Rising numbers as the system writes them: `0-2,4`.
  private static func list(_ numbers: [Int]) -> String {
    var parts: [ClosedRange<Int>] = []
    for number in numbers {
      if let last = parts.last, last.upperBound == number - 1 {
        parts[parts.count - 1] = last.lowerBound...number
      } else {
        parts.append(number...number)
      }
    }
    return parts.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
      .joined(separator: ",")
  }

  /// Not an assertion: what a call costs beyond libtorch's own work, to be looked at in the log.
  @Test func aCallIsCheap() throws {
    let (a, b) = (try Tensor.ones([1]), try Tensor.ones([1]))
    let count = 20_000
    let clock = ContinuousClock()
    let duration = try noGrad {
      try clock.measure { for _ in 0..<count { _ = try a + b } }
    }
    print("a call of add: \(duration / count)")
    #expect(try (a + b).item() == 2)
  }

  /// The BLAS that OpenCV loads must not take the place of libtorch's: it is thirty times slower
  /// than the same product as a convolution, libtorch's own at most a few times.
  @Test func matrixProductsAreLibtorchsOwn() throws {
    let count = 512
    let input = try Tensor.ones([1, count, count, 1]).to(.channelsLast)
    let weight = try Tensor.ones([count, count, 1, 1])
    let (a, b) = (try Tensor.ones([count, count]), try Tensor.ones([count, count]))
    let clock = ContinuousClock()
    func fastest(_ body: () throws -> Tensor) throws -> Duration {
      var best = Duration.seconds(60)
      for _ in 0..<5 { best = min(best, try clock.measure { _ = try body() }) }
      return best
    }
    try noGrad {
      let product = try fastest { try a.matmul(b) }
      let convolution = try fastest { try input.conv2d(weight) }
      #expect(product < convolution * 10, "\(product) against \(convolution)")
    }
  }
}
