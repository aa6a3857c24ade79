import Foundation
import OTXCore
import OTXImage
import OTXTesting
import Testing

@testable import OTXData

/// Folders drawn by hand, with the mistakes that people make.
@Suite("Formats of labels and identities")
struct ClassificationFormatTests {
  let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  func all(_ dataset: Dataset) -> [DatasetItem] {
    dataset.items.values.flatMap(\.self).sorted { $0.id < $1.id }
  }

  func labels(_ dataset: Dataset) -> [[String]] {
    all(dataset).map { $0.annotations.compactMap(\.label) }
  }

  @Test("ImageNet lists: several labels, blanks, a label too many, no names")
  func imageNetText() throws {
    for name in ["a.png", "b c.png"] { try folder.picture("images/\(name)") }
    try folder.write("a.png 0 2\n\"b c\".png 1\na nonsense\na.png 7\n", to: "train.txt")
    try folder.write("cat\ndog\nbird\n", to: "synsets.txt")
    var dataset = try folder.read()
    #expect(dataset.format == "imagenet_txt")
    #expect(dataset.labels.names == ["cat", "dog", "bird"])
    #expect(labels(dataset) == [["cat", "bird"], ["dog"]])
    #expect(dataset.kinds(.leftOut) == ["damaged line", "unknown label"])
    try FileManager.default.removeItem(at: folder.url.appending(path: "synsets.txt"))
    dataset = try folder.read()
    #expect(dataset.declaredLabels.prefix(3) == ["class-0", "class-1", "class-2"])
  }

  @Test("folders in folders are labels of their own; images/ in a label's folder is not")
  func nestedFolders() throws {
    for path in ["cat/a.png", "cat/big/b.png", "dog/images/c.png", "d.png", "no_label/e.png"] {
      try folder.picture(path)
    }
    let dataset = try folder.read()
    #expect(dataset.declaredLabels == ["cat", "cat/big", "dog"])
    #expect(labels(dataset) == [["cat"], ["cat/big"], [], ["dog"], []])
    #expect(dataset.labelDetails.parents == ["cat/big": "cat"])
    #expect(dataset.kinds(.noted).contains("picture without a label"))
  }

  @Test("MNIST: labels without pictures, a label that is not there, a cut file")
  func mnist() throws {
    let labels = [0, 0, 8, 1, 0, 0, 0, 2, 3, 255].map { UInt8($0) }
    let header = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28].map { UInt8($0) }
    let pixels = (0..<2 * 784).map { UInt8(truncatingIfNeeded: $0) }
    try folder.write(Data(labels), to: "train-labels-idx1-ubyte")
    #expect(folder.readingError().contains("train-images-idx3-ubyte"))
    try folder.write(Data(header + pixels), to: "train-images-idx3-ubyte")
    let dataset = try folder.read()
    #expect(dataset.format == "mnist")
    #expect(self.labels(dataset) == [["3"], []])
    let first = try #require(all(dataset).first)
    #expect(first.size == ImageSize(height: 28, width: 28))
    #expect(try first.image.loaded().pixels.prefix(9) == [0, 0, 0, 1, 1, 1, 2, 2, 2])
    try folder.write(Data(header + pixels.dropLast()), to: "train-images-idx3-ubyte")
    #expect(folder.readingError().contains("cut short at picture 1"))
    try folder.write(Data(header + pixels), to: "train-images-idx3-ubyte")
    try folder.write("only\n", to: "labels.txt")
    #expect(folder.readingError().contains("label 3"))
  }

  @Test("MNIST as a table: column names, a level too large, a line too short")
  func mnistTable() throws {
    let row = "2," + [String](repeating: "9", count: 784).joined(separator: ",")
    let head = "label," + (0..<784).map { "p\($0)" }.joined(separator: ",")
    try folder.write("\(head)\n\(row)\n", to: "mnist_train.csv")
    let dataset = try folder.read()
    #expect(dataset.format == "mnist_csv" && labels(dataset) == [["2"]])
    try folder.write("\(row)\n3,1,2\n", to: "mnist_train.csv")
    #expect(folder.readingError().contains("mnist_train.csv:2"))
    try folder.write(row.replacingOccurrences(of: ",9,9", with: ",9,300"), to: "mnist_train.csv")
    #expect(folder.readingError().contains("300"))
  }

  @Test("CIFAR: pictures come back to the pixel, parents with them; a pickle is never executed")
  func cifar() throws {
    var image = Image(size: ImageSize(height: 32, width: 32))
    for index in image.pixels.indices { image.pixels[index] = UInt8(truncatingIfNeeded: index * 7) }
    let items = ["b.png", "a.png"].map {
      DatasetItem(id: $0, image: .memory(image), annotations: [.label("cat")])
    }
    var details = LabelDetails()
    details.parents = ["cat": "animal"]
    let dataset = Dataset(
      format: "memory",
      root: folder.url,
      labels: LabelInfo(names: ["cat"]),
      labelDetails: details,
      items: [.train: items, .test: [items[0]]]
    )
    try CIFARFormat().write(dataset, to: folder.url)
    let read = try CIFARFormat().read(.root(folder.url, format: nil))
    #expect(read.items[.train]?.map(\.id) == ["b.png", "a.png"])
    #expect(read.labelDetails.parents == ["cat": "animal"])
    for item in read.items.values.joined() { #expect(try item.image.loaded() == image) }

    // os.system("true"), made and called.
    let evil: [UInt8] =
      [0x80, 2] + Array("cos\nsystem\nU\u{4}true\u{85}R.".unicodeScalars.map { UInt8($0.value) })
    try folder.write(Data(evil), to: "train")
    #expect(throws: DataError.self) { try CIFARFormat().read(.root(folder.url, format: nil)) }
  }

  @Test("damaged pickles are errors")
  func damagedPickles() throws {
    var bytes = PickleBytes()
    bytes.dictionary {
      $0.entry("labels") { $0.numbers([1, nil, 3]) }
      $0.entry("data") { $0.objectArray([[1, 2], [3]]) }
    }
    let good = bytes.finished
    let pickle = try NumPyPickle(good, name: "x")
    #expect(pickle["labels"].flatMap { pickle.list($0)?.count } == 3)
    for place in good.indices {
      for change in [UInt8(1), 0x10, 0xFF] {
        var damaged = good
        damaged[place] ^= change
        _ = try? NumPyPickle(damaged, name: "x")
      }
      #expect(throws: DataError.self) { try NumPyPickle(Array(good[..<place]), name: "x") }
    }
  }

  @Test("CIFAR's and STL-10's binary files")
  func binaries() throws {
    let record =
      [UInt8(1)] + [UInt8](repeating: 5, count: 1024) + [UInt8](repeating: 6, count: 2048)
    try folder.write(Data(record), to: "c/data_batch_1.bin")
    try folder.write("cat\ndog\n\n", to: "c/batches.meta.txt")
    let cifar = try folder.read("c")
    #expect(cifar.format == "cifar" && labels(cifar) == [["dog"]])
    #expect(try all(cifar)[0].image.loaded().pixels.prefix(3) == [5, 6, 6])
    try folder.write(Data(record.dropLast()), to: "c/data_batch_1.bin")
    #expect(folder.readingError("c").contains("no multiple"))

    var pixels = [UInt8](repeating: 0, count: 3 * 96 * 96)
    pixels[1] = 77  // Second row, first column: the order is by columns.
    try folder.write(Data(pixels), to: "s/train_X.bin")
    try folder.write(Data([10]), to: "s/train_y.bin")
    let stl = try folder.read("s")
    #expect(stl.format == "stl10" && labels(stl) == [["truck"]])
    #expect(try all(stl)[0].image.loaded().pixels[3 * 96] == 77)
    try folder.write(Data([11]), to: "s/train_y.bin")
    #expect(folder.readingError("s").contains("label 11"))
  }

  @Test("CelebA: a face has its box and points; damaged lines are named")
  func celebA() throws {
    try folder.picture("Img/img_celeba/1.jpg", height: 40, width: 40)
    try folder.picture("Img/img_celeba/2.jpg", height: 40, width: 40)
    try folder.write("1.jpg 2\n2.jpg x\n", to: "Anno/identity_CelebA.txt")
    try folder.write(
      "1\nimage_id x_1 y_1 width height\n1.jpg 1 2 10 20\n",
      to: "Anno/list_bbox_celeba.txt"
    )
    try folder.write("1\na_x a_y b_x b_y\n1.jpg 3 4 5 6\n", to: "Anno/list_landmarks_celeba.txt")
    try folder.write("1\nBald Young\n1.jpg -1 1\n", to: "Anno/list_attr_celeba.txt")
    try folder.write("1.jpg 0\n2.jpg 1\n", to: "Eval/list_eval_partition.txt")
    let dataset = try folder.read()
    #expect(dataset.format == "celeba")
    let item = try #require(dataset.items[.train]?.first)
    #expect(item.attributes == ["Bald": .flag(false), "Young": .flag(true)])
    #expect(item.annotations.map(\.kind) == [.label, .object])
    #expect(item.annotations[1].keypoints?.points == [3, 4, 5, 6])
    #expect(item.annotations[1].box == BoundingBox(1, 2, 11, 22))
    #expect(dataset.labelDetails.keypoints["class-2"]?.names == ["a", "b"])
    #expect(dataset.kinds(.leftOut) == ["damaged line"])
    #expect(dataset.items[.val]?.count == 1)
  }

  @Test("persons by the names of pictures: Market-1501 and MARS")
  func persons() throws {
    try folder.picture("m/bounding_box_train/0002_c1s3_000151_00.jpg")
    try folder.picture("m/bounding_box_train/x.jpg")
    try folder.picture("m/query/-1_c2s3_000111_04.jpg")
    let market = try folder.read("m")
    #expect(market.format == "market1501")
    let query = try #require(market.items[.test]?.first).attributes
    #expect(query["person_id"] == .text("-1") && query["camera_id"] == .number(1))
    #expect(query["query"] == .flag(true) && query["bbox_id"] == .number(4))
    #expect(market.kinds(.noted).contains("name that says nothing"))

    try folder.picture("r/bbox_train/0001/0001C2T0003F004.jpg")
    try folder.picture("r/bbox_train/0001/0009C2T0003F004.jpg")
    try folder.picture("r/bbox_test/00-1/00-1C1T0001F001.jpg")
    let mars = try folder.read("r")
    #expect(mars.format == "mars" && mars.declaredLabels == ["00-1", "0001"])
    #expect(mars.kinds(.leftOut) == ["picture in a wrong folder"])
    #expect(mars.items[.train]?.first?.attributes["track_id"] == .number(3))
  }

  @Test("faces: pairs of LFW, tables of VGGFace2")
  func faces() throws {
    for name in ["A_B/A_B_0001", "A_B/A_B_0002", "C/C_0001"] {
      try folder.picture("l/train/images/\(name).jpg")
    }
    let pairs = "10\t300\nA_B\t1\t2\nA_B\t1\tC\t1\nA_B\t9\t2\nhm\tm\n"
    try folder.write(pairs, to: "l/train/annotations/pairs.txt")
    let lfw = try folder.read("l")
    #expect(lfw.format == "lfw" && lfw.declaredLabels == ["A_B", "C"])
    let first = try #require(all(lfw).first { $0.id.hasSuffix("A_B_0001.jpg") })
    #expect(first.attributes["positive_pairs"] == .text("A_B/A_B_0002"))
    #expect(first.attributes["negative_pairs"] == .text("C/C_0001"))
    #expect(lfw.kinds(.leftOut) == ["damaged line", "damaged line"])

    try folder.picture("v/train/n1/0001_01.jpg", height: 50, width: 50)
    try folder.picture("v/train/n1/0002_01.jpg", height: 50, width: 50)
    try folder.write(
      "NAME_ID,X,Y,W,H\n\"n1/0001_01\",1,2,30,40\n\"n1/0002_01\",,,,\n",
      to: "v/bb_landmark/loose_bb_train.csv"
    )
    let vgg = try folder.read("v")
    #expect(vgg.format == "vgg_face2" && vgg.labels.names == ["n1"])
    #expect(all(vgg).map { $0.annotations.map(\.kind) } == [[.object], [.label]])
    #expect(all(vgg)[0].annotations[0].box == BoundingBox(1, 2, 31, 42))
  }

  @Test("tables: Roboflow's, one label, several flags, boxes")
  func tables() throws {
    for path in ["r/train/a.jpg", "k/train/id1.jpg", "k/train/id2.jpg", "b/x.png", "f/y.png"] {
      try folder.picture(path)
    }
    try folder.write("filename, dog, cat\na.jpg, 1, 1\n, 1, 0\n", to: "r/train/_classes.csv")
    let roboflow = try folder.read("r")
    #expect(roboflow.format == "roboflow_multiclass")
    #expect(roboflow.declaredLabels == ["cat", "dog"] && labels(roboflow) == [["dog", "cat"]])
    #expect(roboflow.kinds(.leftOut) == ["damaged line"])

    try folder.write("id,breed\nid1,10\nid2,9\nid3,9\n", to: "k/train.csv")
    let kaggle = try folder.read("k", format: "kaggle_image_csv")
    #expect(kaggle.labels.names == ["9", "10"])
    #expect(kaggle.kinds(.leftOut) == ["missing picture"])

    try folder.write(
      "name,x1,y1,x2,y2,class\nx.png,1,2,9,10,car\nx.png,3,3,9,9,bus\n",
      to: "b/all.csv"
    )
    let boxes = try folder.read("b", format: "image_csv")
    #expect(boxes.boxes(.train, 0) == [BoundingBox(1, 2, 9, 10), BoundingBox(3, 3, 9, 9)])

    try folder.write("image,healthy,rust\ny.png,0,1\n", to: "f/train.csv")
    #expect(labels(try folder.read("f", format: "image_csv")) == [["rust"]])
  }

  @Test("pictures and masks without a word are pixels of one object; class_dict.csv names several")
  func masks() throws {
    try folder.picture("images/a.jpg", height: 1, width: 3)
    let mask = IndexImage(size: ImageSize(height: 1, width: 3), values: [0, 255, 255])
    try folder.write(Data(mask.png()), to: "masks/a_mask.png")
    var dataset = try folder.read()
    #expect(dataset.format == "image_mask" && dataset.labels.names == ["background", "object"])
    let map = try #require(all(dataset)[0].annotations.first?.labelMap)
    #expect(try map.segments().map { $0.mask.area } == [1, 2])
    try folder.write("name,r,g,b\nsky,0,0,0\nsea,255,255,255\n", to: "class_dict.csv")
    dataset = try folder.read()
    #expect(dataset.labels.names == ["sky", "sea"])
    try folder.write("name,r,g,b\nsky,0,0,999\n", to: "class_dict.csv")
    #expect(folder.readingError().contains("class_dict.csv:2"))
  }

  @Test("a folder of pictures is a data set that says nothing")
  func plainPictures() throws {
    try folder.picture("a.png")
    let dataset = try folder.read()
    #expect(dataset.format == "image_dir" && labels(dataset) == [[]])
    try folder.write("words", to: "readme.md")
    #expect(folder.readingError().contains("pictures, and other things"))
  }
}
