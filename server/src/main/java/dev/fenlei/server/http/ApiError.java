package dev.fenlei.server.http;

import java.io.Serial;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// A request that is answered with an error, in the form of OpenAI's API.
public final class ApiError extends RuntimeException {

    @Serial
    private static final long serialVersionUID = 1L;

    private static final String INVALID_REQUEST = "invalid_request_error";

    private final int status;
    private final String type;
    private final String code;
    private final @Nullable String param;

    private ApiError(int status, String type, String code, @Nullable String param, String message) {
        // Without a stack trace: it is an answer, and under attack a frequent one.
        super(message, null, false, false);
        this.status = status;
        this.type = type;
        this.code = code;
        this.param = param;
    }

    /// 400: what was sent is not HTTP or not JSON as it must be.
    public static ApiError malformed(String code, String message) {
        return new ApiError(400, INVALID_REQUEST, code, null, message);
    }

    /// 401: no key, or a wrong one.
    static ApiError unauthorized() {
        return new ApiError(
                401, "authentication_error", "invalid_api_key", null,
                "a valid API key is needed, as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'");
    }

    /// 403: the page or name through which the request came may not call the service.
    static ApiError forbidden(String code, String message) {
        return new ApiError(403, "permission_error", code, null, message);
    }

    /// 404: no such route.
    static ApiError noRoute() {
        return new ApiError(404, INVALID_REQUEST, "unknown_route", null, "there is no such route; /docs lists them");
    }

    /// 404: no such model.
    public static ApiError noModel(String known) {
        return new ApiError(
                404, INVALID_REQUEST, "model_not_found", "model", "there is no such model; there are: " + known);
    }

    /// 404: nothing of this name.
    ///
    /// @param param what named it
    public static ApiError notFound(String param, String message) {
        return new ApiError(404, INVALID_REQUEST, "not_found", param, message);
    }

    /// 409: not in the state that it is in.
    public static ApiError conflict(String message) {
        return new ApiError(409, INVALID_REQUEST, "conflict", null, message);
    }

    /// 405: the route has other methods.
    static ApiError methodNotAllowed(String allowed) {
        return new ApiError(
                405, INVALID_REQUEST, "method_not_allowed", null, "this route answers to " + allowed + " only");
    }

    /// 408: the body did not arrive in time.
    static ApiError bodyTimeout() {
        return new ApiError(408, INVALID_REQUEST, "body_timeout", null, "the body did not arrive in time");
    }

    /// 413: the body is larger than allowed.
    static ApiError tooLarge(int limit) {
        return new ApiError(
                413, INVALID_REQUEST, "body_too_large", null, "the body is larger than " + limit + " bytes");
    }

    /// 415: the body says that it is not JSON.
    static ApiError notJson() {
        return new ApiError(
                415, INVALID_REQUEST, "unsupported_media_type", null,
                "the body must be JSON, with 'Content-Type: application/json'");
    }

    /// 422: a field is missing or has a value that it cannot have.
    ///
    /// @param param the field's path, such as `candidates[2].label`
    /// @param problem what is wrong, to be read behind the path
    public static ApiError invalid(String param, String problem) {
        return new ApiError(422, INVALID_REQUEST, "invalid_value", param, param + ": " + problem);
    }

    /// 429: all places are taken.
    static ApiError full() {
        return new ApiError(
                429, "rate_limit_error", "queue_full", null, "too many requests are waiting; try again later");
    }

    /// 500: a defect of the service, whose nature is for its log only.
    static ApiError internal() {
        return new ApiError(
                500, "server_error", "internal_error", null,
                "the service failed; its log says why under the request id");
    }

    /// 503: the models are not open yet.
    static ApiError loading() {
        return new ApiError(503, "server_error", "loading", null, "the model is being loaded; try again later");
    }

    /// 503: the service is ending.
    public static ApiError draining() {
        return new ApiError(503, "server_error", "draining", null, "the service is shutting down");
    }

    /// 504: it took longer than the deadline.
    public static ApiError deadline(long millis) {
        return new ApiError(
                504, "server_error", "deadline_exceeded", null, "there was no answer within " + millis + " ms");
    }

    int status() {
        return status;
    }

    /// Whether the same request may succeed later.
    boolean isTemporary() {
        return status == 429 || status == 503;
    }

    /// The body of the answer.
    ///
    /// @param asOriginal whether to say it the way of the original service too
    public Map<String, Object> body(String requestId, boolean asOriginal) {
        Map<String, @Nullable Object> error = new LinkedHashMap<>();
        error.put("message", getMessage());
        error.put("type", type);
        error.put("param", param);
        error.put("code", code);
        error.put("request_id", requestId);
        Map<String, Object> body = new LinkedHashMap<>();
        if (asOriginal) {
            body.put("status", "error");
            body.put("detail", String.valueOf(getMessage()));
        }
        body.put("error", error);
        return body;
    }
}
