"""Error bodies of the services, and what each is told as. Statuses and codes are as documented; the
sentences in the bodies are examples.

OpenAI: openai 3.57.0 (_exceptions.py) and its page of error codes. Replicate: replicate 1.0.7
(exceptions.py, RFC 7807) and cog-flux 51e81e0. fal: fal-client 1.0.3 (client.py) and its page of
errors. HuggingFace: huggingface_hub 2.4.0 (utils/_http.py) and hub-docs. Together: together 3.1.1
(_exceptions.py). Stability: its OpenAPI types. Horde: horde_sdk (ai_horde_api/consts.py), AI-Horde
fbd5ed4. A1111: modules/api/api.py. ComfyUI: the recorded conversation. Google: google-genai 3.6
(errors.py). OpenRouter: openrouter 1.3 (errors/). Black Forest Labs: its OpenAPI document. Ollama,
LocalAI, DeepInfra, stable-diffusion.cpp: their documentation.
"""

from __future__ import annotations

from typing import Any


def openai(code: Any, message: str = "no", kind: str = "invalid_request_error") -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def problem_details(title: str, detail: str, status: int) -> dict[str, Any]:
    return {"title": title, "detail": detail, "status": status}


def typed(kind: str) -> dict[str, Any]:
    return {"detail": [{"loc": ["body", "image_url"], "msg": "no", "type": kind, "input": "nsfw"}]}


def named(name: str, *errors: str) -> dict[str, Any]:
    return {"id": "4212a4b6", "name": name, "errors": list(errors)}


def horde(code: str) -> dict[str, Any]:
    return {"message": "no", "rc": code, "errors": {}}


def google(code: int, status: str, message: str = "no") -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status}}


def router(code: int, message: str = "no", **metadata: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "metadata": metadata or None}}


def webui(error: str, errors: str = "", detail: str = "") -> dict[str, Any]:
    return {"error": error, "detail": detail, "body": "", "errors": errors}


COUNTRY = "Country, region, or territory not supported"
VERIFY = "Your organization must be verified to use the model `gpt-image-2.6-flare`."
MONTHLY = "You have exceeded your monthly included credits for Inference Providers."
REFUSALS: list[tuple[str, int, Any, str]] = [
    ("openai", 401, openai("invalid_api_key"), "key_refused"),
    ("openai", 401, openai(None, "You must be a member of an organization"), "key_refused"),
    ("openai", 403, openai("unsupported_country_region_territory", COUNTRY), "not_there"),
    ("openai", 403, openai(None, VERIFY), "not_verified"),
    ("openai", 400, openai("billing_hard_limit_reached"), "payment_required"),
    ("openai", 429, openai("insufficient_quota"), "payment_required"),
    ("openai", 429, openai("rate_limit_exceeded"), "rate_limited"),
    ("openai", 400, openai("moderation_blocked", "safety system"), "moderated"),
    ("openai", 400, openai("content_policy_violation"), "moderated"),
    ("openai", 404, openai("model_not_found"), "model_gone"),
    ("openai", 400, openai("invalid_value", "Invalid size '17x4'"), "bad_values"),
    ("openai", 400, openai("unknown_parameter"), "bad_values"),
    ("openai", 400, openai("string_above_max_length"), "bad_values"),
    ("openai", 400, openai("invalid_image_format"), "picture_refused"),
    ("openai", 400, openai("image_too_large"), "too_large_there"),
    ("openai", 413, openai(None, "Maximum content size limit exceeded"), "too_large_there"),
    ("openai", 500, openai("server_error", kind="server_error"), "failed_there"),
    ("openai", 503, openai(None, "overloaded", "server_error"), "service_unavailable"),
    ("openai", 504, b"<html>gateway time-out</html>", "timed_out_there"),
    ("replicate", 401, problem_details("Unauthenticated", "No token", 401), "key_refused"),
    ("replicate", 402, problem_details("Insufficient credit", "no", 402), "payment_required"),
    (
        "replicate",
        402,
        problem_details("Monthly limit reached", "no", 402),
        "payment_required",
    ),
    ("replicate", 404, problem_details("Not found", "no", 404), "model_gone"),
    ("replicate", 422, problem_details("Invalid version or not permitted", "x", 422), "model_gone"),
    ("replicate", 422, problem_details("Input validation failed", "guidance", 422), "bad_values"),
    ("replicate", 429, problem_details("Request was throttled", "no", 429), "rate_limited"),
    ("replicate", 500, problem_details("Internal server error", "no", 500), "failed_there"),
    ("replicate", 503, problem_details("Service unavailable", "no", 503), "service_unavailable"),
    ("fal", 401, {"detail": "Cannot access application"}, "key_refused"),
    ("fal", 403, {"detail": "User is locked. Reason: Exhausted balance."}, "payment_required"),
    ("fal", 403, {"detail": "User is locked. Reason: TOP_UP."}, "payment_required"),
    ("fal", 404, {"detail": "Application 'flux' not found"}, "model_gone"),
    ("fal", 422, typed("content_policy_violation"), "moderated"),
    ("fal", 422, typed("no_media_generated"), "no_picture"),
    ("fal", 422, typed("image_too_small"), "picture_refused"),
    ("fal", 422, typed("image_too_large"), "too_large_there"),
    ("fal", 422, typed("image_load_error"), "picture_refused"),
    ("fal", 422, typed("file_download_error"), "picture_refused"),
    ("fal", 422, typed("file_too_large"), "too_large_there"),
    ("fal", 422, typed("face_detection_error"), "picture_refused"),
    ("fal", 422, typed("unsupported_image_format"), "picture_refused"),
    ("fal", 422, typed("feature_not_supported"), "bad_values"),
    ("fal", 422, typed("less_than_equal"), "bad_values"),
    ("fal", 422, typed("missing"), "bad_values"),
    ("fal", 400, typed("downstream_service_error"), "failed_there"),
    ("fal", 429, {"detail": "Too many concurrent requests"}, "rate_limited"),
    ("fal", 500, typed("downstream_service_unavailable"), "service_unavailable"),
    ("fal", 500, typed("internal_server_error"), "failed_there"),
    ("fal", 504, typed("generation_timeout"), "timed_out_there"),
    ("fal", 503, {"detail": "x", "error_type": "runner_scheduling_failure"}, "service_unavailable"),
    ("fal", 503, {"detail": "x", "error_type": "runner_disconnected"}, "failed_there"),
    ("fal", 504, {"detail": "x", "error_type": "startup_timeout"}, "timed_out_there"),
    ("huggingface", 401, {"error": "Invalid username or password."}, "key_refused"),
    ("huggingface", 402, {"error": MONTHLY}, "payment_required"),
    (
        "huggingface",
        403,
        {"error": "no sufficient permissions"},
        "key_refused",
    ),
    ("huggingface", 404, {"error": "Not Found"}, "model_gone"),
    ("huggingface", 400, {"error": "Model x is not supported for task y"}, "model_gone"),
    ("huggingface", 422, typed("content_policy_violation"), "moderated"),
    ("huggingface", 422, {"error": ["Error in `parameters.steps`: no"]}, "bad_values"),
    ("huggingface", 429, {"error": "Too many requests"}, "rate_limited"),
    ("huggingface", 500, typed("internal_server_error"), "failed_there"),
    ("huggingface", 503, {"error": "loading", "estimated_time": 20.0}, "service_unavailable"),
    ("huggingface", 504, {"error": "timeout"}, "timed_out_there"),
    ("together", 400, openai(None, "bad steps"), "bad_values"),
    ("together", 401, openai("invalid_api_key"), "key_refused"),
    ("together", 402, openai(None, "Credit limit exceeded"), "payment_required"),
    ("together", 403, openai(None, "no"), "key_refused"),
    ("together", 404, openai("model_not_available"), "model_gone"),
    ("together", 422, openai(None, "NSFW content detected in prompt"), "moderated"),
    ("together", 429, openai(None, "rate"), "rate_limited"),
    ("together", 500, openai(None, "x"), "failed_there"),
    ("together", 503, openai(None, "x"), "service_unavailable"),
    ("together", 504, openai(None, "x"), "timed_out_there"),
    ("together", 524, b"a time-out occurred", "timed_out_there"),
    ("together", 529, openai(None, "x"), "rate_limited"),
    ("stability", 400, named("bad_request", "strength: no"), "bad_values"),
    ("stability", 401, named("unauthorized", "no"), "key_refused"),
    (
        "stability",
        402,
        named("payment_required", "Lacks credits"),
        "payment_required",
    ),
    ("stability", 403, named("content_moderation", "no"), "moderated"),
    ("stability", 404, named("not_found", "no"), "model_gone"),
    ("stability", 413, named("payload_too_large", "10MiB"), "too_large_there"),
    ("stability", 422, named("invalid_language", "English is the only one"), "english_only"),
    ("stability", 429, named("rate_limit_exceeded", "no"), "rate_limited"),
    ("stability", 500, named("internal_error", "no"), "failed_there"),
    ("horde", 400, horde("BadCFGDecimals"), "bad_values"),
    ("horde", 400, horde("InvalidSize"), "bad_values"),
    ("horde", 400, horde("TooManySteps"), "bad_values"),
    ("horde", 400, horde("UnsupportedSampler"), "bad_values"),
    ("horde", 400, horde("ControlNetMismatch"), "model_gone"),
    ("horde", 400, horde("UnexpectedModelName"), "model_gone"),
    ("horde", 400, horde("CorruptPrompt"), "moderated"),
    ("horde", 400, horde("SourceImageResolutionExceeded"), "too_large_there"),
    ("horde", 400, horde("SourceImageUnreadable"), "picture_refused"),
    ("horde", 400, horde("ImageValidationFailed"), "picture_refused"),
    ("horde", 401, horde("InvalidAPIKey"), "key_refused"),
    ("horde", 403, horde("KudosUpfront"), "upfront_only"),
    ("horde", 403, horde("AnonForbidden"), "upfront_only"),
    ("horde", 403, horde("TimeoutIP"), "rate_limited"),
    ("horde", 403, horde("UnsafeIP"), "not_there"),
    ("horde", 403, horde("SharedKeyInsufficientKudos"), "payment_required"),
    ("horde", 429, horde("TooManyPrompts"), "rate_limited"),
    ("horde", 503, horde("MaintenanceMode"), "service_unavailable"),
    ("horde", 400, horde("NoValidWorkers"), "nobody_free"),
    ("a1111", 401, {"detail": "Incorrect username or password"}, "key_refused"),
    ("a1111", 404, {"detail": "Not Found"}, "no_such_call"),
    ("a1111", 404, {"detail": "Sampler not found"}, "bad_values"),
    ("a1111", 422, {"detail": "Script not found"}, "no_maps_there"),
    (
        "a1111",
        422,
        webui("x", "", "script controlnet not found"),
        "no_maps_there",
    ),
    ("a1111", 422, {"detail": [{"loc": ["body", "steps"], "type": "value_error"}]}, "bad_values"),
    ("a1111", 500, webui("HTTPException", "", "Invalid encoded image"), "picture_refused"),
    ("a1111", 500, webui("OutOfMemoryError", "CUDA out of memory"), "out_of_memory_there"),
    ("a1111", 500, webui("RuntimeError", "mat1 and mat2"), "failed_there"),
    ("comfyui", 400, {"error": {"type": "invalid_prompt"}, "node_errors": {}}, "no_such_call"),
    ("comfyui", 400, {"error": {"type": "prompt_outputs_failed_validation"}}, "bad_values"),
    ("comfyui", 404, b"404: Not Found", "no_such_call"),
    ("comfyui", 413, b"too large", "too_large_there"),
    ("comfyui", 500, b"500 Internal Server Error", "failed_there"),
    ("gemini", 400, google(400, "INVALID_ARGUMENT"), "bad_values"),
    ("gemini", 400, google(400, "FAILED_PRECONDITION", "User location is not"), "not_there"),
    ("gemini", 400, google(400, "FAILED_PRECONDITION", "enable billing"), "payment_required"),
    ("gemini", 403, google(403, "PERMISSION_DENIED"), "key_refused"),
    ("gemini", 404, google(404, "NOT_FOUND"), "model_gone"),
    ("gemini", 429, google(429, "RESOURCE_EXHAUSTED"), "rate_limited"),
    ("gemini", 429, google(429, "RESOURCE_EXHAUSTED", "quota, limit: 0"), "payment_required"),
    ("gemini", 500, google(500, "INTERNAL"), "failed_there"),
    ("gemini", 503, google(503, "UNAVAILABLE"), "service_unavailable"),
    ("gemini", 504, google(504, "DEADLINE_EXCEEDED"), "timed_out_there"),
    ("openrouter", 400, router(400), "bad_values"),
    ("openrouter", 401, router(401), "key_refused"),
    ("openrouter", 402, router(402), "payment_required"),
    ("openrouter", 403, router(403, reasons=["violence"]), "moderated"),
    ("openrouter", 404, router(404, "No endpoints found"), "model_gone"),
    ("openrouter", 408, router(408), "timed_out_there"),
    ("openrouter", 413, router(413), "too_large_there"),
    ("openrouter", 429, router(429), "rate_limited"),
    ("openrouter", 500, router(500), "failed_there"),
    ("openrouter", 502, router(502), "service_unavailable"),
    ("openrouter", 503, router(503), "service_unavailable"),
    ("openrouter", 524, router(524), "timed_out_there"),
    ("openrouter", 529, router(529), "rate_limited"),
    ("bfl", 402, {"detail": "Insufficient credits"}, "payment_required"),
    ("bfl", 403, {"detail": "Not authenticated - Invalid Authentication"}, "key_refused"),
    ("bfl", 404, {"detail": "Not Found"}, "model_gone"),
    ("bfl", 422, {"detail": [{"loc": ["body", "steps"], "type": "less_than"}]}, "bad_values"),
    ("bfl", 429, {"detail": "Rate limit exceeded"}, "rate_limited"),
    ("bfl", 500, {"detail": "Internal"}, "failed_there"),
    ("bfl", 503, {"detail": "busy"}, "service_unavailable"),
    ("deepinfra", 401, {"detail": {"error": "no such key"}}, "key_refused"),
    ("deepinfra", 402, {"detail": {"error": "no balance"}}, "payment_required"),
    ("deepinfra", 404, openai(None, "The model `x` does not exist"), "model_gone"),
    ("deepinfra", 422, {"detail": [{"loc": ["body"], "type": "missing"}]}, "bad_values"),
    ("deepinfra", 429, {"detail": {"error": "busy"}}, "rate_limited"),
    ("deepinfra", 500, {"detail": {"error": "x"}}, "failed_there"),
    ("ollama", 400, openai(None, "bad size"), "bad_values"),
    ("ollama", 404, openai(None, "model 'x' not found", "not_found_error"), "model_gone"),
    ("ollama", 404, b"404 page not found", "no_such_call"),
    ("ollama", 500, openai(None, "CUDA error: out of memory", "api_error"), "out_of_memory_there"),
    ("localai", 401, openai(401, "An authentication key is required"), "key_refused"),
    ("localai", 500, openai(500, "could not load model: no backend"), "model_gone"),
    ("localai", 500, openai(500, "rpc error"), "failed_there"),
    ("stable-diffusion-cpp", 400, {"error": "prompt required"}, "bad_values"),
    ("stable-diffusion-cpp", 404, b"not found", "no_such_call"),
    ("stable-diffusion-cpp", 500, {"error": "server_error", "message": "x"}, "failed_there"),
]


OUT = "CUDA out of memory"


def prediction(status: str, error: str | None) -> dict[str, Any]:
    return {"id": "1", "status": status, "error": error, "output": None, "urls": {}}


COMPLETED = {"status": "COMPLETED", "logs": [], "metrics": {}, "error": "x"}
WAITING = {"done": False, "faulted": False, "is_possible": True, "queue_position": 1}
FAILED_ORDERS: list[tuple[str, str, Any, str]] = [  # service, in the path, body, told as
    ("replicate", "/predictions/", prediction("failed", "NSFW content detected."), "moderated"),
    (
        "replicate",
        "/predictions/",
        prediction("failed", "The input or output was flagged as sensitive. (E005)"),
        "moderated",
    ),
    (
        "replicate",
        "/predictions/",
        prediction("failed", "CUDA out of memory."),
        "out_of_memory_there",
    ),
    (
        "replicate",
        "/predictions/",
        prediction("failed", "Prediction interrupted; please retry (code: PA)"),
        "interrupted_there",
    ),
    ("replicate", "/predictions/", prediction("failed", "Prediction timed out"), "timed_out_there"),
    ("replicate", "/predictions/", prediction("failed", None), "failed_there"),
    ("replicate", "/predictions/", prediction("canceled", None), "interrupted_there"),
    ("replicate", "/predictions/", prediction("aborted", None), "interrupted_there"),
    ("replicate", "/predictions/", (404, problem_details("Not found", "x", 404)), "order_lost"),
    ("fal", "/status", COMPLETED | {"error_type": "request_timeout"}, "timed_out_there"),
    ("fal", "/status", COMPLETED | {"error_type": "runner_disconnected"}, "failed_there"),
    ("fal", "/status", COMPLETED | {"error_type": "client_cancelled"}, "interrupted_there"),
    ("fal", "/status", COMPLETED, "failed_there"),
    ("fal", "/requests/0", (404, {"detail": "Request not found"}), "order_lost"),
    ("horde", "/check/", WAITING | {"faulted": True}, "failed_there"),
    ("horde", "/check/", WAITING | {"is_possible": False}, "nobody_free"),
    ("horde", "/check/", (404, horde("RequestNotFound")), "order_lost"),
    ("bfl", "get_result", {"id": "0", "status": "Request Moderated"}, "moderated"),
    ("bfl", "get_result", {"id": "0", "status": "Content Moderated"}, "moderated"),
    ("bfl", "get_result", {"id": "0", "status": "Error", "details": {}}, "failed_there"),
    ("bfl", "get_result", (404, {"detail": "Task not found"}), "order_lost"),
]
