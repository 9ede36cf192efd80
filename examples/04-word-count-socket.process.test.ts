// The job in a process of its own, and a server that it reads from.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'

const folder = mkdtempSync(join(tmpdir(), 'millrace-word-count-'))
after(() => rmSync(folder, { recursive: true }))

const bin = join(import.meta.dirname, '../packages/millrace/src/bin.ts')
const job = join(import.meta.dirname, '04-word-count-socket.ts')

interface Run {
  readonly exitCode: number | null
  readonly words: readonly string[]
  readonly events: readonly Event[]
  readonly stderr: string
  readonly numConnections: number
}

/** As far as it is of use here; see `millrace run --output json`. */
interface Event {
  readonly kind: string
  readonly delayMs?: number
  readonly result?: {
    readonly failure?: { readonly operator?: string; readonly error: { readonly message: string; readonly stack: string } }
  }
}

/** Waits until another line of the job's output matches. */
type NextLine = (pattern: RegExp) => Promise<void>

/** Runs the job against a server that does `serve` with each connection. */
async function run(serve: (socket: Socket, next: NextLine) => Promise<void>): Promise<Run> {
  let numConnections = 0
  const server = createServer((socket) => {
    numConnections++
    socket.on('error', () => {})
    void serve(socket, next)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const state = mkdtempSync(join(folder, 'state-'))
  const flags = [`--param=port=${port}`, '--param=delayMs=20', '--checkpoint-interval=20ms', `--state-dir=${state}`, '-p2', '--output=json']
  const child = spawn(process.execPath, ['--conditions=@millrace/source', bin, 'run', job, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  const output = createInterface({ input: child.stdout }).on('line', (line) => lines.push(line))
  const next: NextLine = (pattern) =>
    new Promise((resolve) => {
      output.on('line', function hear(line: string) {
        if (!pattern.test(line)) return
        output.off('line', hear)
        resolve()
      })
    })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const exitCode = await new Promise<number | null>((resolve) => child.on('close', resolve))
  await new Promise((resolve) => server.close(resolve))
  const isEvent = (line: string): boolean => line.startsWith('{')
  return {
    exitCode,
    words: lines.filter((line) => !isEvent(line)),
    events: lines.filter(isEvent).map((line) => JSON.parse(line) as Event),
    stderr,
    numConnections,
  }
}

void test('words are counted until the server closes the connection', async () => {
  const { exitCode, words, stderr } = await run(async (socket) => {
    socket.write('to be or n')
    await new Promise((resolve) => setTimeout(resolve, 20))
    socket.end('ot\r\n\n  to   be')
  })
  assert.equal(exitCode, 0, stderr)
  assert.deepEqual(words.toSorted(), ['be 1', 'be 2', 'not 1', 'or 1', 'to 1', 'to 2'])
})

void test('a bug is met with three restarts that keep the counts, then the job has failed', async () => {
  const { exitCode, words, events, numConnections, stderr } = await run(async (socket, next) => {
    const counted = next(/^word/)
    socket.write('word\n')
    await counted
    // The first of them may have begun before the word was counted.
    for (let checkpoint = 0; checkpoint < 2; checkpoint++) await next(/"checkpoint-completed"/)
    socket.write('bug\n')
  })
  assert.equal(exitCode, 1, stderr)
  assert.deepEqual(words, ['word 1', 'word 2', 'word 3', 'word 4'])
  assert.equal(numConnections, 4)
  assert.deepEqual(
    events.flatMap(({ kind, delayMs }) => (kind === 'restarting' ? [delayMs] : [])),
    [20, 20, 20],
  )
  const failure = events.at(-1)!.result!.failure!
  assert.equal(failure.operator, 'no bugs')
  assert.match(failure.error.message, /a bug has been found/)
  assert.match(failure.error.stack, /04-word-count-socket\.ts:\d+/)
})
