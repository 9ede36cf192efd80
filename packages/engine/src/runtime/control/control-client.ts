import { connect, type Socket } from 'node:net'
import { engineError } from '../../errors.ts'
import { LineBuffer } from './lines.ts'
import { CONTROL_VERSION, type ControlAnswers, type ControlError, type ControlRequest } from './protocol.ts'

/** What is known at once is answered within this, unless the job's process is stopped, or its machine is far behind. */
const ANSWER_MS_MAX = 10_000

/** These take as long as they take. */
const SLOW: ReadonlySet<ControlRequest['do']> = new Set(['savepoint', 'stop', 'cancel'])

/** An answer may have so many bytes. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024

export type ControlAnswer<T> = { readonly kind: 'result'; readonly result: T } | { readonly kind: 'error'; readonly error: ControlError }

/**
 * Asks a running job one thing. Undefined: nobody listens there; no job runs.
 * Whoever asks for the end of a job (`stop`, `cancel`) is answered when its lock is free, so that it can be started again at once.
 *
 * @throws CONTROL_LOST if the job's process dies before it has answered, or does not answer, or what listens there is no job; CONTROL_VERSION
 */
export async function askJob<const R extends ControlRequest>(
  path: string,
  request: R,
  answerMsMax: number = ANSWER_MS_MAX,
): Promise<ControlAnswer<ControlAnswers[R['do']]> | undefined> {
  const socket = await open(path)
  if (socket === undefined) return undefined
  try {
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    const answer = await exchange<ControlAnswers[R['do']]>(socket, request, answerMsMax)
    if (answer.kind === 'result' && (request.do === 'stop' || request.do === 'cancel')) await closed
    return answer
  } finally {
    socket.destroy()
  }
}

function open(path: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('connect', () => resolve(socket))
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const nobody = error.code === 'ENOENT' || error.code === 'ECONNREFUSED' || error.code === 'ENOTSOCK'
      if (nobody) resolve(undefined)
      else reject(engineError('CONTROL_LOST', { path, problem: error.message }, error))
    })
  })
}

function exchange<T>(socket: Socket, request: ControlRequest, answerMsMax: number): Promise<ControlAnswer<T>> {
  return new Promise((resolve, reject) => {
    const lost = (problem: string): void => reject(engineError('CONTROL_LOST', { path: request.do, problem }))
    const lines = new LineBuffer(ANSWER_BYTES_MAX)
    if (!SLOW.has(request.do))
      socket.setTimeout(answerMsMax, () => lost(`nothing came for ${answerMsMax / 1_000} s; is its process stopped?`))
    socket.on('error', (error) => lost(error.message))
    socket.on('close', () => lost('it hung up'))
    socket.on('data', (bytes: Buffer) => {
      const complete = lines.push(bytes)
      if (complete === undefined) return lost(`it answered more than ${ANSWER_BYTES_MAX} bytes`)
      const [line] = complete
      if (line === undefined) return
      const message = parsed(line)
      if (message === undefined) return lost(`what it answered is no answer: ${line.slice(0, 100)}`)
      const { version, result, error } = message
      if (version !== CONTROL_VERSION) reject(engineError('CONTROL_VERSION', { theirs: String(version), ours: CONTROL_VERSION }))
      else resolve(error === undefined ? { kind: 'result', result: result as T } : { kind: 'error', error })
    })
    socket.write(`${JSON.stringify({ version: CONTROL_VERSION, id: 1, request })}\n`)
  })
}

/** Undefined: whatever listens there, it is no job. */
function parsed(line: string): { readonly version: unknown; readonly result?: unknown; readonly error?: ControlError } | undefined {
  try {
    const message = JSON.parse(line) as { readonly version: unknown } | null
    return typeof message === 'object' && message !== null && !Array.isArray(message) ? message : undefined
  } catch {
    return undefined
  }
}
