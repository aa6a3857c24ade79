"""Runs the unmodified command line of Python OTX 2.6 and writes down when its steps began and ended.

    python python_otx_peer.py STEPS.jsonl train --config ... (the arguments of `otx`)

Two things differ from `otx` itself: weights are not downloaded (a network starts from random ones, as ours does), and
a callback appends one JSON object a training step and a validation to the file. `OTX_STEPS=N` ends training after N
steps. At the end the largest resident memory of the process, its data loaders left out, joins the file.
"""
import json
import os
import resource
import sys
import time

events = open(sys.argv.pop(1), "a", buffering=1)


def write(**values):
    events.write(json.dumps(values) + "\n")


import torch  # noqa: E402
import torch.hub  # noqa: E402
import torch.utils.model_zoo  # noqa: E402

torch.hub.load_state_dict_from_url = lambda *_, **__: {}
torch.utils.model_zoo.load_url = lambda *_, **__: {}

# Patched before OTX imports it by name.
import pytorchcv.models.model_store  # noqa: E402

pytorchcv.models.model_store.download_model = lambda *_, **__: None

import lightning.pytorch as lightning  # noqa: E402


class Steps(lightning.Callback):
    """When each step's data was asked for, when it came and when the step was over."""

    limit = int(os.environ.get("OTX_STEPS", "0"))

    def on_train_epoch_start(self, trainer, module):
        self.asked = time.perf_counter()

    def on_train_batch_start(self, trainer, module, batch, index):
        self.came = time.perf_counter()

    def on_train_batch_end(self, trainer, module, outputs, batch, index):
        now = time.perf_counter()
        count = int(getattr(batch, "batch_size", 0) or 0)
        write(event="step", seconds=now - self.asked, waited=self.came - self.asked, images=count)
        self.asked = time.perf_counter()
        if self.limit and trainer.global_step >= self.limit:
            trainer.should_stop = True
            trainer.fit_loop.epoch_loop.max_steps = trainer.global_step

    def on_validation_start(self, trainer, module):
        self.began = time.perf_counter()
        self.images = 0

    def on_validation_batch_end(self, trainer, module, outputs, batch, index, dataloader_idx=0):
        self.images += int(getattr(batch, "batch_size", 0) or 0)

    def on_validation_end(self, trainer, module):
        scores = {name: float(value) for name, value in trainer.callback_metrics.items()}
        seconds = time.perf_counter() - self.began
        write(event="validation", seconds=seconds, images=self.images, scores=scores)


construct = lightning.Trainer.__init__


def with_steps(self, *arguments, **options):
    callbacks = options.get("callbacks") or []
    options["callbacks"] = [*(callbacks if isinstance(callbacks, list) else [callbacks]), Steps()]
    construct(self, *arguments, **options)


with_steps.__wrapped__ = construct
lightning.Trainer.__init__ = with_steps

from otx.cli import main  # noqa: E402

sys.argv[0] = "otx"
try:
    main()
finally:
    write(event="memory", bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
