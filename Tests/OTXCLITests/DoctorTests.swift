import Foundation
import OTXCore
import Testing

@testable import OTXCLI

/// What `otx doctor` says of the machine, and what to do.
@Suite struct DoctorTests {
  private func machine(_ place: Playground) throws -> Machine {
    try place.write("model name\t: Some CPU\nflags\t\t: fpu avx2 amx_bf16\n", to: "proc/cpuinfo")
    try place.write("MemTotal: 8388608 kB\nMemAvailable: 4194304 kB\n", to: "proc/meminfo")
    try place.write("5:devices:/\n0::/job/step\n", to: "proc/self/cgroup")
    try place.write("1073741824\n", to: "sys/fs/cgroup/job/memory.max")
    try place.write("max\n", to: "sys/fs/cgroup/job/step/memory.max")
    try place.write("50000 100000\n", to: "sys/fs/cgroup/job/cpu.max")
    try place.write("max 100000\n", to: "sys/fs/cgroup/cpu.max")
    try place.write(
      "Model: \t\t Tesla T4\n",
      to: "proc/driver/nvidia/gpus/0000:00:1e.0/information"
    )
    return Machine(root: place.root)
  }

  @Test func readsWhatTheKernelTells() throws {
    let place = try Playground()
    defer { place.remove() }
    let machine = try machine(place)
    #expect(machine.processor.name == "Some CPU")
    #expect(machine.processorFeatures.filter(\.isThere).map(\.name) == ["AVX2", "AMX bf16"])
    #expect(machine.memory?.total == 8 << 30 && machine.memory?.available == 4 << 30)
    #expect(machine.memoryLimit == 1 << 30)
    #expect(machine.processor.coreLimit == 0.5)
    #expect(machine.processor.coreCount == 1)
    #expect(machine.graphicsProcessors == ["Tesla T4"])
  }

  @Test func coresThatShareOrAreSlowAreTold() throws {
    let place = try Playground()
    defer { place.remove() }
    // Two fast cores of two threads each, of which one thread is forbidden, and four slow ones.
    try place.write("Name:\totx\nCpus_allowed_list:\t0-2,4-7\n", to: "proc/self/status")
    try place.write("4-7\n", to: "sys/devices/cpu_atom/cpus")
    for (number, siblings) in ["0,2", "1,3", "0,2", "1,3", "4", "5", "6", "7"].enumerated() {
      try place.write(
        siblings + "\n",
        to: "sys/devices/system/cpu/cpu\(number)/topology/thread_siblings_list"
      )
    }
    let processor = Processor(root: place.root)
    #expect(
      processor.cores == [
        ProcessorCore(processors: [0, 2]), ProcessorCore(processors: [1]),
      ] + (4...7).map { ProcessorCore(processors: [$0], isEfficient: true) }
    )
    #expect(processor.computeCores.count == 2 && processor.computeThreadCount == 2)
    func found() throws -> String? { try findings(place)["cores"]?.found }
    let text =
      "7 threads on 6 cores, 4 of them slow ones, limited to the time of 0.5; 1 used for computing"
    #expect(try found() == text)
    try place.write("Cpus_allowed_list:\t5,x,7-6,0-9999999999,6\n", to: "proc/self/status")
    let slow = Processor(root: place.root)
    #expect(slow.cores.map(\.processors) == [[5], [6]] && slow.computeCores == slow.cores)
  }

  @Test func aMachineThatTellsNothingHasNoLimits() throws {
    let place = try Playground()
    defer { place.remove() }
    try place.write("9223372036854771712\n", to: "sys/fs/cgroup/memory/memory.limit_in_bytes")
    try place.write("-1\n", to: "sys/fs/cgroup/cpu/cpu.cfs_quota_us")
    try place.write("100000\n", to: "sys/fs/cgroup/cpu/cpu.cfs_period_us")
    let machine = Machine(root: place.root)
    #expect(
      machine.memory == nil && machine.memoryLimit == nil && machine.processor.coreLimit == nil
    )
    #expect(machine.processor.name == "unknown" && machine.graphicsProcessors.isEmpty)
  }

  private func findings(_ place: Playground, installed: Bool = false) throws -> [String: Diagnosis]
  {
    if installed { try place.write("", to: "prefix/share/otx/manifest") }
    let examination = Examination(
      workDirectory: place.root.appending(path: "work"),
      machine: try machine(place),
      environment: ["XDG_CACHE_HOME": place.path("home"), "LANG": "C"],
      executable: place.root.appending(path: "prefix/bin/otx")
    )
    return Dictionary(uniqueKeysWithValues: examination.findings().map { ($0.name, $0) })
  }

  @Test func limitsAreWarnedOf() throws {
    let place = try Playground()
    defer { place.remove() }
    let key = "resnet18 | resnet18 | 224x224 | Some CPU | 2 threads | libtorch 2.15.0"
    try place.write(#"{"\#(key)": {"fp32": 2, "bf16": 1}}"#, to: "home/otx/precision.json")
    let found = try CurrentJobs.$value.withValue(FakeJobs()) { try findings(place) }
    #expect(found["memory"]?.state == .warning)
    #expect(found["memory"]?.found == "8.0 GiB, 4.0 GiB available, limited to 1.0 GiB")
    #expect(
      found["cores"]?.found.hasSuffix("limited to the time of 0.5; 1 used for computing") == true
    )
    #expect(found["GPU"]?.found == "Tesla T4; not used by this version")
    #expect(
      found["processor"]?.found == "Some CPU (AVX2, AMX bf16; no AVX-512, AVX-512 bf16, AMX int8)"
    )
    #expect(found["locale"]?.found == "C (no UTF-8: ASCII is written)")
    #expect(found["libtorch"]?.found == "2.15.0 in /lib/torch")
    #expect(found["training kernels"]?.found == "ours")
    #expect(
      found["libtorch shim"] == Diagnosis(name: "libtorch shim", found: "/lib/otx/libotx_torch.so")
    )
    #expect(
      found["precision"]?.found
        == "resnet18 at 224x224: bf16 at 2.00 times the speed of fp32"
    )
    #expect(found["disk of the cache"]?.state == .ok)
  }

  @Test func aStaleShimIsBrokenWithTheCommandToFixIt() async throws {
    let place = try Playground()
    defer { place.remove() }
    let problem = NativeLibraryError.wrongVersion(file: "/x.so", found: 1, needed: 2).description
    let jobs = FakeJobs(libraries: [
      NativeLibraryReport(name: "libtorch", shim: "/x.so", problem: problem)
    ])
    try CurrentJobs.$value.withValue(jobs) {
      #expect(try findings(place)["libtorch shim"]?.advice?.contains("run 'make setup'") == true)
      let installed = try findings(place, installed: true)["libtorch shim"]
      #expect(installed?.state == .broken)
      #expect(installed?.advice?.contains("run 'make install' again") == true)
    }
    let result = await otx(["doctor", "--json"], jobs: jobs)
    #expect(result.status == 1)
    let object = try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any]
    #expect(object?["ok"] as? Bool == false)
    let text = await otx(["doctor"], jobs: jobs)
    #expect(text.status == 1)
    #expect(text.output.contains("broken: libtorch shim: /x.so was built for another version"))
  }
}
