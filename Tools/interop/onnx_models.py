"""Checks ONNX models with ONNX's own checker and runs them with onnxruntime.

    python3 -m venv env && env/bin/pip install onnx onnxruntime numpy
    OTX_KEEP_ONNX=FOLDER swift test --filter 'ExportContract|BackboneContract'
    env/bin/python Tools/interop/onnx_models.py FOLDER

The contract tests leave in FOLDER, for every model and backbone of the zoo, the file that was written
(NAME/model.onnx), a batch of inputs and what libtorch makes of it (NAME/reference.json and raw floats).
Largest differences are printed in parts of the largest number of an output; above 1e-5 a model fails,
and so does one that the checker refuses. Weights of real trainings give larger logits, and rounding more
room: of an SSD trained on cells, libtorch's scores are 0.8e-5 from those computed in 64 bits, onnxruntime's
too, and the two up to 1.4e-5 from each other, whatever onnxruntime optimises.
"""

import json
import pathlib
import sys

import numpy
import onnx
import onnxruntime

TOLERANCE = 1e-5


def array(folder, entry):
    return numpy.fromfile(folder / entry["file"], numpy.float32).reshape(entry["shape"])


def main():
    root = pathlib.Path(sys.argv[1])
    failed = 0
    worst = 0.0
    folders = sorted(path.parent for path in root.glob("*/reference.json"))
    for folder in folders:
        reference = json.loads((folder / "reference.json").read_text())
        file = str(folder / "model.onnx")
        try:
            onnx.checker.check_model(file, full_check=True)
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 2
            session = onnxruntime.InferenceSession(file, options, ["CPUExecutionProvider"])
            inputs = {"image": array(folder, reference["input"])}
            names = [output.name for output in session.get_outputs()]
            found = dict(zip(names, session.run(names, inputs)))
        except Exception as error:
            print(f"{folder.name:40} {type(error).__name__}: {str(error)[:300]}")
            failed += 1
            continue
        differences = {}
        for name, entry in reference["outputs"].items():
            expected = array(folder, entry)
            actual = found[name].astype(numpy.float32)
            if actual.shape != expected.shape:
                differences[name] = float("inf")
                continue
            scale = max(float(numpy.abs(expected).max()), 1e-6)
            differences[name] = float(numpy.abs(actual - expected).max()) / scale
        metadata = {entry.key for entry in onnx.load(file, load_external_data=False).metadata_props}
        largest = max(differences.values())
        worst = max(worst, largest)
        good = largest <= TOLERANCE and "model_info labels" in metadata
        failed += not good
        text = ", ".join(f"{name} {value:.1e}" for name, value in differences.items())
        print(f"{folder.name:40} {'ok' if good else 'DIFFERS'}  {text}")
    print(f"{len(folders)} models, {failed} failed, largest difference {worst:.1e}")
    sys.exit(failed > 0 or not folders)


if __name__ == "__main__":
    main()
