import { connect, type Socket } from 'node:net'
import { engineError } from '../../errors.ts'
import { LineBuffer } from './lines.ts'
import { CONTROL_VERSION, type ControlAnswers, type ControlError, type ControlRequest } from './protocol.ts'

/** What is known at once is answered within this, unless the job's process is stopped, or its machine is far behind. */
const ANSWER_MS_MAX = 10_000

/** These change something: a process that is stopped is not to find them when it goes on, long after whoever asked has been told that it does not answer. */
const ORDERS: ReadonlySet<ControlRequest['do']> = new Set(['configure', 'savepoint', 'stop', 'cancel'])

/** These take as long as they take. Meanwhile the job is asked how it is, twice in the time for an answer; it is given up when it has left so many of these without one. */
const SLOW: ReadonlySet<ControlRequest['do']> = new Set(['savepoint', 'stop', 'cancel'])
const SILENT_TIMES_MAX = 6

const STATUS: ControlRequest = { do: 'status' }
const STATUS_ID = 2
const REQUEST_ID = 1

/** An answer may have so many bytes. */
const ANSWER_BYTES_MAX = 16 * 1024 * 1024

export type ControlAnswer<T> = { readonly kind: 'result'; readonly result: T } | { readonly kind: 'error'; readonly error: ControlError }

/**
 * Asks a running job one thing. Undefined: nobody listens there; no job runs.
 * Whoever asks for the end of a job (`stop`, `cancel`) is answered when its lock is free, so that it can be started again at once.
 *
 * @throws CONTROL_LOST if the job's process dies before it has answered, or is stopped meanwhile, or what listens there is no job; CONTROL_VERSION
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
    if (ORDERS.has(request.do)) await exchange(socket, STATUS_ID, STATUS, answerMsMax)
    const answered = exchange<ControlAnswers[R['do']]>(socket, REQUEST_ID, request, answerMsMax)
    if (!SLOW.has(request.do)) return await answered
    const andOver = answered.then(async (answer) => {
      if (answer.kind === 'result' && request.do !== 'savepoint') await closed
      return answer
    })
    return await whileItAnswers(socket, andOver, request.do, answerMsMax)
  } finally {
    socket.destroy()
  }
}

/** @throws CONTROL_LOST as soon as its process is taken to be stopped */
async function whileItAnswers<T>(socket: Socket, waited: Promise<T>, asked: string, answerMsMax: number): Promise<T> {
  let silentTimes = 0
  const { promise: silence, reject } = Promise.withResolvers<never>()
  const heard = (): void => void (silentTimes = 0)
  const asking = setInterval(() => {
    // Counted, as clocks run on while this very process is stopped.
    if (silentTimes++ < SILENT_TIMES_MAX) return void socket.write(lineOf(STATUS_ID, STATUS))
    const problem = `nothing came for ${(SILENT_TIMES_MAX * answerMsMax) / 2_000} s; is its process stopped? What was asked for may still be done when it goes on`
    reject(engineError('CONTROL_LOST', { path: asked, problem }))
  }, answerMsMax / 2)
  socket.on('data', heard)
  try {
    return await Promise.race([waited, silence])
  } finally {
    clearInterval(asking)
    socket.off('data', heard)
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

function exchange<T>(socket: Socket, id: number, request: ControlRequest, answerMsMax: number): Promise<ControlAnswer<T>> {
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
      for (const line of complete) {
        const message = parsed(line)
        if (message === undefined) return lost(`what it answered is no answer: ${line.slice(0, 100)}`)
        const { version, result, error } = message
        if (version !== CONTROL_VERSION) reject(engineError('CONTROL_VERSION', { theirs: String(version), ours: CONTROL_VERSION }))
        else if (message.id === id) resolve(error === undefined ? { kind: 'result', result: result as T } : { kind: 'error', error })
      }
    })
    socket.write(lineOf(id, request))
  })
}

function lineOf(id: number, request: ControlRequest): string {
  return `${JSON.stringify({ version: CONTROL_VERSION, id, request })}\n`
}

interface Message {
  readonly version: unknown
  readonly id?: unknown
  readonly result?: unknown
  readonly error?: ControlError
}

/** Undefined: whatever listens there, it is no job. */
function parsed(line: string): Message | undefined {
  try {
    const message = JSON.parse(line) as Message | null
    return typeof message === 'object' && message !== null && !Array.isArray(message) ? message : undefined
  } catch {
    return undefined
  }
}
