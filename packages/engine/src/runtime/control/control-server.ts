/**
 * The socket on which a running job takes orders from its own user, and from nobody else.
 *
 * 1. It is there only while the job's lock is held. The lock is where the checkpoints are, which may be elsewhere: what lies in the socket's place before is removed if nobody answers there.
 * 2. Only the user who runs the job can connect: the socket's mode is 0600, from its first moment where a thread may see to that.
 * 3. Every request is answered before the socket goes; whoever asked for the end of the job is hung up on when its lock is free.
 * 4. What is no request ends its connection, and nothing else.
 * 5. A socket is made under a name of its own, and takes its place when it is ready. Whoever closes it removes what is in that place only if it is still this one: another process may have taken the place meanwhile.
 */
import { randomBytes } from 'node:crypto'
import { chmodSync, lstatSync, renameSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { MillraceError, nodeDisk, type OptionState, messageOf } from '@millrace/core'
import { engineError } from '../../errors.ts'
import type { CheckpointHistory, CompletedCheckpoint, JobResult } from '../job-types.ts'
import { askJob } from './control-client.ts'
import { LineBuffer } from './lines.ts'
import {
  CONTROL_LINE_BYTES_MAX,
  CONTROL_VERSION,
  requestProblem,
  type ControlError,
  type ControlRequest,
  type JobStatus,
  type StopAnswer,
} from './protocol.ts'

/** What can be asked of a running job. */
export interface ControlledJob {
  status(): JobStatus
  checkpoints(): CheckpointHistory
  config(): readonly OptionState[]
  /** @throws OPTION_UNKNOWN, OPTION_INVALID, OPTION_FIXED; what a sink says to other times of checkpoints */
  configure(changes: { readonly [key: string]: string }): void
  savepoint(dir: string | undefined): Promise<CompletedCheckpoint>
  stop(): void
  stopWithSavepoint(dir: string | undefined, drain: boolean): Promise<CompletedCheckpoint>
  cancel(): void
  /** How the job has ended; files may still be open. */
  readonly result: Promise<JobResult>
}

export interface ControlServer {
  /** The job has ended: takes no more requests, and resolves when those there are have been answered. */
  retire(): Promise<void>
  /** Hangs up. */
  end(): void
}

const CONNECTIONS_MAX = 64

/** A job that lives says what it does within this. */
const ANSWER_MS_MAX = 2_000

/** @throws STATE_DIR_IN_USE */
export async function serveControl(path: string, job: ControlledJob): Promise<ControlServer> {
  const server = new SocketServer(job)
  await server.listen(path)
  return server
}

class SocketServer implements ControlServer {
  readonly #job: ControlledJob
  readonly #server: Server
  readonly #connections: Set<Socket> = new Set()
  readonly #answering: Set<Promise<void>> = new Set()
  #place: { readonly path: string; readonly identity: string | undefined } | undefined

  constructor(job: ControlledJob) {
    this.#job = job
    this.#server = createServer((socket) => this.#accept(socket))
    this.#server.maxConnections = CONNECTIONS_MAX
  }

  async listen(path: string): Promise<void> {
    await nodeDisk.makeDirectory(dirname(path))
    if (await isAnswered(path)) throw engineError('STATE_DIR_IN_USE', { jobName: this.#job.status().job, path })
    // Closing a server removes the name that it was made under, whatever is there by then.
    const ownPath = nameBeside(path)
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      // The name appears within the call: at no moment may others connect.
      const former = isMainThread ? process.umask(0o177) : undefined
      try {
        this.#server.listen(ownPath, resolve)
      } finally {
        if (former !== undefined) process.umask(former)
      }
    })
    try {
      chmodSync(ownPath, 0o600)
      renameSync(ownPath, path)
      this.#place = { path, identity: identityOf(path) }
    } catch (error) {
      this.#server.close()
      throw error
    }
    // A job that is over must not be kept alive by whoever looks on.
    this.#server.unref()
  }

  async retire(): Promise<void> {
    this.#leavePlace()
    this.#server.close()
    while (this.#answering.size > 0) await Promise.all(this.#answering)
  }

  end(): void {
    for (const socket of this.#connections) socket.end()
    this.#connections.clear()
  }

  #leavePlace(): void {
    if (this.#place === undefined) return
    const { path, identity } = this.#place
    try {
      if (identityOf(path) === identity) rmSync(path, { force: true })
    } catch {
      // What cannot be removed now answers nobody, so the next start replaces it.
    }
  }

  #accept(socket: Socket): void {
    this.#connections.add(socket)
    socket.unref()
    const lines = new LineBuffer(CONTROL_LINE_BYTES_MAX)
    socket.on('error', () => {}) // whoever asked is gone: nothing is owed any more
    socket.on('close', () => this.#connections.delete(socket))
    socket.on('data', (bytes: Buffer) => {
      const complete = lines.push(bytes)
      if (complete === undefined) return void socket.destroy()
      for (const line of complete) this.#take(socket, line)
    })
  }

  #take(socket: Socket, line: string): void {
    const message = parse(line)
    if (message === undefined) return void socket.destroy()
    const { version, id, request } = message
    const answering = this.#answer(version, request)
      .then(
        (result) => ({ result }),
        (error: unknown) => ({ error: errorOf(error) }),
      )
      .then((answer) => {
        if (!socket.destroyed) socket.write(`${JSON.stringify({ version: CONTROL_VERSION, id, ...answer })}\n`)
      })
    this.#answering.add(answering)
    void answering.finally(() => this.#answering.delete(answering))
  }

  async #answer(version: unknown, request: unknown): Promise<unknown> {
    if (version !== CONTROL_VERSION) throw engineError('CONTROL_VERSION', { theirs: String(version), ours: CONTROL_VERSION })
    const problem = requestProblem(request)
    if (problem !== undefined) throw engineError('CONTROL_REQUEST_INVALID', { problem })
    return await this.#perform(request as ControlRequest)
  }

  async #perform(request: ControlRequest): Promise<unknown> {
    const job = this.#job
    switch (request.do) {
      case 'status':
        return job.status()
      case 'checkpoints':
        return job.checkpoints()
      case 'config':
        return job.config()
      case 'configure':
        job.configure(request.changes)
        return job.config()
      case 'savepoint':
        return await job.savepoint(request.dir)
      case 'stop': {
        const savepoint = request.savepoint ? await job.stopWithSavepoint(request.dir, request.drain) : undefined
        if (!request.savepoint) job.stop()
        return stopAnswer(await job.result, savepoint)
      }
      case 'cancel': {
        const savepoint = request.savepoint ? await job.savepoint(request.dir) : undefined
        job.cancel()
        return stopAnswer(await job.result, savepoint)
      }
    }
  }
}

/** As long as that of the place: sockets have short paths. */
function nameBeside(path: string): string {
  const suffix = randomBytes(3).toString('base64url')
  return path.slice(0, -suffix.length) + suffix
}

/** Which socket a name leads to: as long as that is open, no other has the same. Undefined: none. */
function identityOf(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false, bigint: true })
  return found === undefined ? undefined : `${found.dev} ${found.ino}`
}

/** One that is frozen does not say so: whoever has got its lock, as it no longer renewed that, gets its place as well. One of another version lives. */
async function isAnswered(path: string): Promise<boolean> {
  return await askJob(path, { do: 'status' }, ANSWER_MS_MAX).then(
    (answer) => answer !== undefined,
    (error: unknown) => error instanceof MillraceError && error.code === 'CONTROL_VERSION',
  )
}

function stopAnswer({ state, lastCheckpoint }: JobResult, savepoint: CompletedCheckpoint | undefined): StopAnswer {
  return { state, savepoint: savepoint ?? null, lastCheckpoint: lastCheckpoint ?? null }
}

function parse(line: string): { readonly version: unknown; readonly id: number; readonly request: unknown } | undefined {
  try {
    const message = JSON.parse(line) as { readonly version?: unknown; readonly id?: unknown; readonly request?: unknown } | null
    if (message === null || typeof message.id !== 'number') return undefined
    return { version: message.version, id: message.id, request: message.request }
  } catch {
    return undefined
  }
}

function errorOf(error: unknown): ControlError {
  if (error instanceof MillraceError) return { code: error.code, who: error.who, message: error.message }
  return { code: 'CONTROL_FAILED', message: messageOf(error) }
}
