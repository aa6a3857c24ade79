import OTXCore
import OTXTesting

/// Small networks written by hand.
enum SampleGraphs {
  /// Two operators that nobody knows beside one that everybody does.
  static func withUnknownOperators() -> OperatorGraph {
    var writer = GraphWriter()
    let x = writer.input("x", [nil, 4])
    let y = writer.one("aten::no_such_thing", .value(x), .int(1), rank: 2)
    let z = writer.one("aten::relu", .value(y), rank: 2)
    writer.output("z", writer.one("aten::nor_this", .value(z), rank: 2))
    return writer.graph
  }

  /// conv, batch norm, hardswish, conv, cat with silu, pool, linear: `[N, 3, H, W]` to `[N, 3]`.
  static func classifier() -> OperatorGraph {
    var writer = GraphWriter()
    let image = writer.input("image", [nil, 3, 32, 32])
    func weight(_ name: String, _ shape: [Int], _ k: Int) -> GraphWriter.Value {
      writer.weight(name, Formula.weight(name, shape, k: k), shape)
    }
    func conv(_ x: GraphWriter.Value, _ w: GraphWriter.Value) -> GraphWriter.Value {
      writer.one(
        "aten::conv2d",
        .value(x),
        .value(w),
        .none,
        .ints(2, 2),
        .ints(1, 1),
        .ints(1, 1),
        .int(1),
        rank: 4
      )
    }
    var x = conv(image, weight("stem.weight", [8, 3, 3, 3], 0))
    x = writer.one(
      "aten::batch_norm",
      .value(x),
      .value(weight("norm.weight", [8], 1)),
      .value(weight("norm.bias", [8], 2)),
      .value(weight("norm.running_mean", [8], 3)),
      .value(weight("norm.running_var", [8], 4)),
      .bool(false),
      .double(0.1),
      .double(1e-5),
      .bool(true),
      rank: 4
    )
    x = writer.one("aten::hardswish", .value(x), rank: 4)
    x = conv(x, weight("body.weight", [16, 8, 3, 3], 5))
    let y = writer.one("aten::silu", .value(x), rank: 4)
    x = writer.one("aten::cat", .list([x, y]), .int(1), rank: 4)
    x = writer.one("aten::adaptive_avg_pool2d", .value(x), .ints(1, 1), rank: 4)
    x = writer.one("aten::flatten", .value(x), .int(1), .int(-1), rank: 2)
    x = writer.one(
      "aten::linear",
      .value(x),
      .value(weight("fc.weight", [3, 32], 6)),
      .value(weight("fc.bias", [3], 7)),
      rank: 2
    )
    writer.output("logits", x)
    return writer.graph
  }

  /// Batched non-maximum suppression over `[N, 3, 8, 8]` whose pixels are read as boxes: the
  /// outputs of every detector, `bboxes` `[N, 20, 5]` and `labels` `[N, 20]`.
  static func detector(detectionCount: Int = 20) -> OperatorGraph {
    var writer = GraphWriter()
    let image = writer.input("image", [nil, 3, 8, 8])
    let pixels = writer.one("aten::flatten", .value(image), .int(2), .int(-1), rank: 3)
    let rows = writer.one("aten::transpose", .value(pixels), .int(1), .int(2), rank: 3)
    let corner = writer.one(
      "aten::slice",
      .value(rows),
      .int(2),
      .int(0),
      .int(2),
      .int(1),
      rank: 3
    )
    let far = writer.one("aten::add", .value(corner), .double(2.5), .int(1), rank: 3)
    let boxes = writer.one("aten::cat", .list([corner, far]), .int(-1), rank: 3)
    let scores = writer.one("aten::select", .value(rows), .int(2), .int(2), rank: 2)

    let ones = writer.one(
      "aten::ones_like",
      .value(scores),
      .none,
      .none,
      .none,
      .none,
      .none,
      rank: 2
    )
    let number = writer.one("aten::cumsum", .value(ones), .int(0), .none, rank: 2)
    let shift = writer.one("aten::mul", .value(number), .double(1000), rank: 2)
    let offsets = writer.one("aten::unsqueeze", .value(shift), .int(-1), rank: 3)
    let apart = writer.one("aten::add", .value(boxes), .value(offsets), .int(1), rank: 3)
    let flatBoxes = writer.one("aten::flatten", .value(apart), .int(0), .int(1), rank: 2)
    let flatScores = writer.one("aten::flatten", .value(scores), .int(0), .int(1), rank: 1)
    let keep = writer.one(
      "torchvision::nms",
      .value(flatBoxes),
      .value(flatScores),
      .double(0.5),
      rank: 1,
      element: .int64
    )
    let zeros = writer.one(
      "aten::zeros_like",
      .value(flatScores),
      .none,
      .none,
      .none,
      .none,
      .none,
      rank: 1
    )
    let kept = writer.one(
      "aten::index_select",
      .value(flatScores),
      .int(0),
      .value(keep),
      rank: 1
    )
    let scattered = writer.one(
      "aten::scatter",
      .value(zeros),
      .int(0),
      .value(keep),
      .value(kept),
      rank: 1
    )
    let keptScores = writer.one(
      "aten::reshape_as",
      .value(scattered),
      .value(scores),
      rank: 2
    )
    let top = writer.call(
      "aten::topk",
      [.value(keptScores), .int(detectionCount), .int(1), .bool(true), .bool(true)],
      ranks: [2, 2],
      elements: [.float32, .int64]
    )
    let index = writer.one("aten::unsqueeze", .value(top[1]), .int(-1), rank: 3, element: .int64)
    let wide = writer.one(
      "aten::expand",
      .value(index),
      .ints(-1, -1, 4),
      .bool(false),
      rank: 3,
      element: .int64
    )
    let topBoxes = writer.one(
      "aten::gather",
      .value(boxes),
      .int(1),
      .value(wide),
      .bool(false),
      rank: 3
    )
    let column = writer.one("aten::unsqueeze", .value(top[0]), .int(-1), rank: 3)
    let result = writer.one("aten::cat", .list([topBoxes, column]), .int(-1), rank: 3)
    let labels = writer.one(
      "aten::zeros_like",
      .value(top[1]),
      .none,
      .none,
      .none,
      .none,
      .none,
      rank: 2,
      element: .int64
    )
    writer.output("bboxes", result)
    writer.output("labels", labels)
    return writer.graph
  }
}
