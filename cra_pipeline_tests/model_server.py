"""A small OpenAI-compatible server over transformers, for campaigns with a real little model.

``python model_server.py FOLDER [PORT]`` in an environment with torch, transformers and aiohttp;
FOLDER holds a model in Hugging Face's layout. One answer at a time, on one thread of the processor,
on loopback only. It is no part of the pipeline: there any such server does.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import torch
from aiohttp import web
from transformers import AutoModelForCausalLM, AutoTokenizer

MOST_TOKENS = 384
"""Of one answer: the model is small and slow, and seldom has more to say."""


class Model:
    """A causal language model with a chat template."""

    def __init__(self, folder: str) -> None:
        torch.set_num_threads(1)
        # The library's own types tell neither what a tokenizer returns nor what a model takes.
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
        self._model: Any = model.train(mode=False)

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A chat completion."""
        prompt = self._tokenizer.apply_chat_template(
            asked["messages"], add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        length = prompt["input_ids"].shape[1]
        most = self._model.config.max_position_embeddings
        if length >= most:
            raise web.HTTPBadRequest(text=f"{length} tokens; at most {most} fit")
        wanted = min(int(asked.get("max_tokens", MOST_TOKENS)), MOST_TOKENS, most - length)
        heat = float(asked.get("temperature", 0.0))
        torch.manual_seed(int(asked.get("seed", 0)))
        drawn = {"do_sample": True, "temperature": heat} if heat else {"do_sample": False}
        with torch.inference_mode():
            tokens = self._model.generate(**prompt, max_new_tokens=wanted, **drawn)[0][length:]
        ended = int(tokens[-1]) == self._tokenizer.eos_token_id
        text = self._tokenizer.decode(tokens, skip_special_tokens=True)
        return {
            "object": "chat.completion",
            "model": asked["model"],
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": text},
                    "finish_reason": "stop" if ended else "length",
                }
            ],
            "usage": {"prompt_tokens": length, "completion_tokens": len(tokens)},
        }


def main() -> None:
    """Serve until killed."""
    model, lock = Model(sys.argv[1]), asyncio.Lock()

    async def complete(request: web.Request) -> web.Response:
        asked = await request.json()
        async with lock:
            return web.json_response(await asyncio.to_thread(model.answer, asked))

    server = web.Application(client_max_size=8 << 20)
    server.add_routes([web.post("/v1/chat/completions", complete)])
    port = int(sys.argv[2]) if sys.argv[2:] else 8001
    web.run_app(server, host="127.0.0.1", port=port)


if __name__ == "__main__":
    main()
