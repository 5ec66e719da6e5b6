import { UnauthorizedError } from "../cluster/kubernetes/client/errors.ts";
import { ClusterError, ForbiddenError, InvalidError, NotFoundError } from "../cluster/port.ts";

/** An answer other than the wanted one: its status, and what is wrong and how to mend it, as a sentence. */
export class HttpError extends Error {
  readonly status: 400 | 401 | 403 | 404 | 405 | 413 | 422 | 502 | 503;

  constructor(status: HttpError["status"], message: string) {
    super(message);
    this.status = status;
  }
}

/** What a viewer is told of an error; undefined: it is a defect of the server. */
export function asHttpError(error: unknown): HttpError | undefined {
  if (error instanceof HttpError) return error;
  if (error instanceof UnauthorizedError) return new HttpError(401, error.message);
  if (error instanceof ForbiddenError) return new HttpError(403, error.message);
  if (error instanceof NotFoundError) return new HttpError(404, error.message);
  if (error instanceof InvalidError) return new HttpError(400, error.message);
  if (error instanceof ClusterError) return new HttpError(502, error.message);
  return undefined;
}
