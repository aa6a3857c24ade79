"""The peer: a plain PyTorch training loop that runs steps when it is told to.

`otx-bench training-step` starts it, so that both sides run alternately in one run. Protocol: it
prints one JSON line when it is ready; for each line `N` on standard input it runs N steps and
prints `{"seconds": [...], "loss": ...}`.

By hand: `echo 5 | python training_step.py --model resnet18 --precision bf16`.
"""

import argparse
import json
import pathlib
import resource
import sys
import time

import torch
import torch.nn.functional as F

GOLDENS = pathlib.Path(__file__).resolve().parents[1] / "Tools/goldens"


def classifier(arguments, images):
    """The network that the goldens of its name are made with: torchvision's, timm's or a twin."""
    sys.path.append(str(GOLDENS))
    from backbones import ROWS

    model = next(build for name, build, *_ in ROWS if name == arguments.model)()
    labels = torch.arange(arguments.batch_size) % 3
    return model, lambda: F.cross_entropy(model(images), labels)


def detector(arguments, images):
    size = {"label_count": 3, "height": arguments.height, "width": arguments.width}
    if arguments.model.startswith("atss"):
        from atss_peer import ATSSPeer

        model = ATSSPeer(**size)
    elif arguments.model.startswith("ssd"):
        from ssd_peer import SSDPeer

        model = SSDPeer(**size)
    else:
        from yolox_peer import YOLOXPeer

        model = YOLOXPeer(**size, scale=0.5 if arguments.model == "yolox_s" else 0.375)
    boxes, labels = [], []
    for n in range(arguments.batch_size):  # `Workload.swift` has the same
        corners, kinds = [], []
        for j in range(13):
            x1 = (n * 37 + j * 61) % (arguments.width - 100)
            y1 = (n * 53 + j * 97) % (arguments.height - 100)
            corners.append([x1, y1, x1 + 20 + (j * 29 + n * 7) % 80, y1 + 20 + (j * 43 + n * 11) % 80])
            kinds.append((j + n) % 3)
        boxes.append(torch.tensor(corners, dtype=torch.float32))
        labels.append(torch.tensor(kinds))
    return model, lambda: model.loss(images, boxes, labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--height", type=int, default=224)
    parser.add_argument("--width", type=int, default=224)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--contiguous", action="store_true", help="not channels-last")
    arguments = parser.parse_args()
    memory_format = torch.contiguous_format if arguments.contiguous else torch.channels_last
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)

    images = torch.randn(arguments.batch_size, 3, arguments.height, arguments.width)
    images = images.to(memory_format=memory_format)
    make = detector if arguments.model.startswith(("atss", "ssd", "yolox")) else classifier
    model, loss_of_batch = make(arguments, images)
    model.train().to(memory_format=memory_format)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9, weight_decay=1e-4)

    def step():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=arguments.precision == "bf16"):
            loss = loss_of_batch()
        loss.backward()
        optimizer.step()
        return loss

    print(json.dumps({"ready": True, "torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        seconds, cpu_seconds = [], []
        loss = float("nan")
        for _ in range(int(line)):
            start, cpu_start = time.perf_counter(), time.process_time()
            loss = step().item()
            seconds.append(time.perf_counter() - start)
            cpu_seconds.append(time.process_time() - cpu_start)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({
            "seconds": seconds, "cpuSeconds": cpu_seconds, "loss": loss, "peakMemoryBytes": peak,
        }), flush=True)


if __name__ == "__main__":
    main()
