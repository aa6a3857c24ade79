// The parts of `model.py` that are the same for every network of a task. They do what the Swift code
// named beside them does.

extension PyTorchProgram {
  /// Reading and resizing: `Preprocessing.prepare(_:itemID:)`; `resized` gives the very pixels of
  /// OpenCV's `INTER_LINEAR` for bytes, which computes in fixed point with 11 bits.
  static let preparation = #"""
    def axis(length, new_length):
        """For each new pixel of a row its two neighbours and their weights, in 1/2048."""
        position = ((numpy.arange(new_length) + 0.5) * (length / new_length) - 0.5).astype(numpy.float32)
        first = numpy.floor(position).astype(numpy.int64)
        part = position - first.astype(numpy.float32)
        outside = (first < 0) | (first >= length - 1)
        first = numpy.clip(first, 0, length - 1)
        part = numpy.where(outside, numpy.float32(0), part)
        second = numpy.minimum(first + 1, length - 1)
        weights = numpy.rint(numpy.stack([1 - part, part]) * 2048).astype(numpy.int64)
        return first, second, weights


    def resized(picture, height, width):
        """Bytes [H, W, 3] at another size, linear between pixels."""
        left, right, weights = axis(picture.shape[1], width)
        source = picture.astype(numpy.int64)
        rows = source[:, left] * weights[0][:, None] + source[:, right] * weights[1][:, None]
        upper, lower, weights = axis(picture.shape[0], height)
        rows = rows >> 4
        total = ((rows[upper] * weights[0][:, None, None]) >> 16) + (
            (rows[lower] * weights[1][:, None, None]) >> 16
        )
        return numpy.clip((total + 2) >> 2, 0, 255).astype(numpy.uint8)


    def prepared(file):
        """A picture as the network takes it, and how boxes come back: scales, offsets, size."""
        picture = numpy.asarray(ImageOps.exif_transpose(Image.open(file)).convert("RGB"))
        height, width = picture.shape[:2]
        new_height, new_width = INPUT_SIZE
        top = left = 0
        if RESIZE != "standard":
            scale = min(INPUT_SIZE[0] / height, INPUT_SIZE[1] / width)
            new_height = min(max(int(height * scale + 0.5), 1), INPUT_SIZE[0])
            new_width = min(max(int(width * scale + 0.5), 1), INPUT_SIZE[1])
        if RESIZE == "fit_to_window_letterbox":
            top, left = (INPUT_SIZE[0] - new_height) // 2, (INPUT_SIZE[1] - new_width) // 2
        canvas = numpy.full((*INPUT_SIZE, 3), PAD_VALUE, numpy.uint8)
        if (height, width) != (new_height, new_width):
            picture = resized(picture, new_height, new_width)
        canvas[top : top + new_height, left : left + new_width] = picture
        one = numpy.float32(1)
        numbers = (canvas.astype(numpy.float32) - numpy.float32(MEAN)) * (one / numpy.float32(STD))
        image = torch.from_numpy(numbers).permute(2, 0, 1).unsqueeze(0)
        frame = {
            "scale": (numpy.float32(new_width) / width, numpy.float32(new_height) / height),
            "offset": (left, top),
            "size": (width, height),
        }
        return image, frame
    """#

  /// `VisionTask.predictions(from:frames:info:)`, `confident(_:info:)` and `findings(_:labels:)`.
  static func predictions(_ task: TaskType) -> String {
    switch task {
    case .multiClassClassification: multiClass
    case .multiLabelClassification: multiLabel
    case .hierarchicalClassification: softmax + "\n\n\n" + hierarchical
    case .detection: detection
    case .regression: regression
    }
  }

  private static let softmax = #"""
    def softmax(numbers):
        powers = numpy.exp(numbers - numbers.max())
        return powers / powers.sum()
    """#

  private static let multiClass =
    softmax + "\n\n\n" + #"""
      def predictions(outputs, frame):
          """Every label with its probability, the likeliest first."""
          found = zip(LABELS, softmax(outputs["logits"][0].numpy()))
          return [
              {"label": label, "score": float(score)}
              for label, score in sorted(found, key=lambda pair: -pair[1])
          ]
      """#

  private static let multiLabel = #"""
    def predictions(outputs, frame):
        """The labels above their thresholds, the surest first."""
        scores = 1 / (1 + numpy.exp(-outputs["logits"][0].numpy()))
        found = [
            (label, score)
            for label, score, threshold in zip(LABELS, scores, numpy.float32(THRESHOLDS))
            if score > threshold
        ]
        return [
            {"label": label, "score": float(score)}
            for label, score in sorted(found, key=lambda pair: -pair[1])
        ]
    """#

  private static let hierarchical = #"""
    def ancestors(label):
        """The labels above one, from it upwards."""
        found = []
        while label in PARENTS and len(found) <= len(LABELS):
            label = PARENTS[label]
            found.append(label)
        return found


    def predictions(outputs, frame):
        """Of each group the surest label, if every label above it is the surest of its own."""
        logits = outputs["logits"][0].numpy()
        scores = {}
        for first, end in GROUPS:
            if end - first > 1:
                probabilities = softmax(logits[first:end])
            else:
                probabilities = 1 / (1 + numpy.exp(-logits[first:end]))
            best = int(probabilities.argmax())
            if end - first > 1 or probabilities[best] > numpy.float32(THRESHOLD):
                scores[LABELS[first + best]] = float(probabilities[best])
        kept = [label for label in scores if all(above in scores for above in ancestors(label))]
        kept.sort(key=lambda label: (len(ancestors(label)), -scores[label]))
        return [{"label": label, "score": scores[label]} for label in kept]
    """#

  private static let detection = #"""
    def predictions(outputs, frame):
        """The boxes in pixels of the picture, the surest first."""
        found = []
        rows = zip(outputs["bboxes"][0].numpy(), outputs["labels"][0].tolist())
        for row, label in sorted(rows, key=lambda pair: -pair[0][4]):
            score = row[4]
            if not (score > 0 and numpy.isfinite(row).all() and score >= numpy.float32(THRESHOLD)):
                continue
            corners = []
            for index in range(4):
                value = (row[index] - frame["offset"][index % 2]) / frame["scale"][index % 2]
                corners.append(float(min(max(value, 0), frame["size"][index % 2])))
            if corners[2] <= corners[0] or corners[3] <= corners[1]:
                continue
            box = dict(zip(("x1", "y1", "x2", "y2"), corners))
            found.append({"label": LABELS[label], "score": float(score), "box": box})
        return found
    """#

  private static let regression = #"""
    def predictions(outputs, frame):
        """Every target with its value."""
        values = outputs["values"][0].tolist()
        return [{"label": label, "score": 1, "value": value} for label, value in zip(LABELS, values)]
    """#

  /// Whatever is wrong with a picture is said in a line; the others are predicted on.
  static let main = #"""
    SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


    def pictures(path):
        """The files that a path means: itself, or the pictures in a folder and those below it."""
        if not os.path.isdir(path):
            return [path]
        files = []
        for folder, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted(names):
                if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                    files.append(os.path.join(folder, name))
        if not files:
            raise OSError("the folder holds no picture")
        return files


    def load(file, device):
        """The weights, on a device; ends the program where that cannot be."""
        if device.startswith("cuda") and not torch.cuda.is_available():
            sys.exit(f"model.py: PyTorch finds no device '{device}'")
        try:
            return torch.load(file, map_location=device, weights_only=True)
        except FileNotFoundError:
            sys.exit(f"model.py: there are no weights at {file}; --weights FILE names them")
        except Exception as error:
            sys.exit(f"model.py: {file} cannot be read: {str(error).splitlines()[0]}")


    def main():
        parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
        parser.add_argument("pictures", nargs="+", metavar="PICTURE", help="a picture or a folder")
        parser.add_argument("--weights", help="the file of weights; weights.pth beside this program")
        parser.add_argument("--device", default="cpu", help="cpu or cuda")
        arguments = parser.parse_args()
        folder = os.path.dirname(os.path.abspath(__file__))
        weights = load(arguments.weights or os.path.join(folder, "weights.pth"), arguments.device)
        found, failed = [], 0

        def tell(path, error):
            nonlocal failed
            failed += 1
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            print(f"model.py: {path} cannot be read: {reason}", file=sys.stderr)

        files = []
        for path in arguments.pictures:
            try:
                files += pictures(path)
            except OSError as error:
                tell(path, error)
        for file in files:
            try:
                image, frame = prepared(file)
            # Decoders raise errors of many kinds.
            except Exception as error:
                tell(file, error)
                continue
            with torch.inference_mode():
                outputs = network(image.to(arguments.device), weights)
            outputs = {name: value.cpu() for name, value in outputs.items()}
            width, height = frame["size"]
            found.append(
                {
                    "image": file,
                    "height": height,
                    "width": width,
                    "prediction": predictions(outputs, frame),
                }
            )
        print(json.dumps({"predictions": found}, indent=2, ensure_ascii=False))
        sys.exit(1 if failed else 0)


    if __name__ == "__main__":
        main()
    """#
}
