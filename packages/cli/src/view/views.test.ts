import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import type { JobEvent, JobMetrics, JobResult, TaskMetrics } from '@millrace/engine'
import { failedWith, finished, jobMetrics, startedEvent, taskMetrics } from '../testing/job-data.ts'
import { ManualClock } from '../testing/manual-clock.ts'
import { RecordingOutput, screenOf } from '../testing/recording-output.ts'
import { BACKLOG_BYTES_MAX } from './bounded-output.ts'
import { chooseView, type OutputMode } from './choose-view.ts'
import { renderFrame } from './frame.ts'
import { JsonView } from './json-view.ts'
import { LineView } from './line-view.ts'
import { LiveView } from './live-view.ts'
import { LogWriter } from './log-writer.ts'
import { RateMeter } from './rates.ts'

const plain = new LogWriter({ format: 'text', level: 'info', color: false })
const json = new LogWriter({ format: 'json', level: 'debug', color: false })
const ended = (result: Extract<JobEvent, { readonly kind: 'ended' }>['result']): JobEvent => ({ kind: 'ended', timeMs: 0, result })

void test('rates are the growth of counts over time, subtasks together', () => {
  const meter = new RateMeter(1_000)
  const at = (timeMs: number, records: readonly number[]): JobMetrics => jobMetrics({ timeMs, tasks: [taskMetrics('map', 0, records)] })
  assert.equal(meter.sample(at(0, [100, 0]))[0]!.inPerSecond, 0)
  const rates = meter.sample(at(2_000, [200, 300]))
  assert.deepEqual([rates[0]!.inPerSecond, rates[0]!.outPerSecond], [200, 400])
  assert.equal(meter.sample(at(2_500, [9_999, 9_999])), rates, 'too soon for a new rate')
  assert.equal(meter.sample(at(4_000, [300, 0]))[0]!.inPerSecond, 150, 'counts have fallen: the job has restarted')
})

void test('the watermark is that of the slowest subtask, once all have one', () => {
  const sample = (watermarks: readonly (number | undefined)[]): number | undefined => {
    const task = taskMetrics(
      'map',
      0,
      watermarks.map(() => 0),
    )
    const subtasks = task.subtasks.map((subtask, index) => ({ ...subtask, watermarkMs: watermarks[index] }))
    return new RateMeter(0).sample(jobMetrics({ tasks: [{ ...task, subtasks }] }))[0]!.watermarkMs
  }
  assert.equal(sample([5, 3]), 3)
  assert.equal(sample([5, undefined]), undefined)
})

void test('a frame shows the job, its tasks and its checkpoints, in as much room as there is', () => {
  const last = {
    id: 7,
    completedMs: 60_000,
    ageMs: 1_500,
    durationMs: 34,
    sizeBytes: 3 * 2 ** 20,
    stateBytes: 2 ** 30,
    startDelayMs: 1,
    alignmentMs: 2,
  }
  const metrics = jobMetrics({
    timeMs: 61_500,
    uptimeMs: 61_000,
    restarts: 1,
    checkpoints: { completed: 7, failed: 1, inProgress: 1, committing: 0, last },
    tasks: [taskMetrics('files -> parse', 0, [0]), taskMetrics('count\x1b[2J', 1, [0, 0], { busyRatio: 0.95, watermarkMs: 60_000 })],
  })
  const rates = new RateMeter(0).sample(metrics).map((task) => ({ ...task, inPerSecond: 1_234_567 }))
  const frame = { jobName: 'access', metrics, rates }
  assert.deepEqual(
    renderFrame(frame, 80, 24, false),
    [
      'access  running for 1m 01s  1 restart',
      'task             p     in/s    out/s  busy back-pr.  idle   behind',
      'files -> parse   1   1.23 M        0  50 %     25 %  25 %        -',
      'count            2   1.23 M        0  95 %     25 %  25 %    1.5 s',
      'checkpoints: 7 completed, 1 failed, 1 under way; #7 1.5 s ago, took 34 ms, 3.00 MiB',
    ].map((line) => line.slice(0, 80)),
  )
  for (const [columns, rows] of [
    [80, 24],
    [40, 4],
    [20, 2],
    [1, 1],
  ] as const) {
    const lines = renderFrame(frame, columns, rows, true)
    assert.ok(lines.length <= Math.max(1, rows - 1))
    for (const line of lines) assert.ok(stripVTControlCharacters(line).length <= columns, line)
  }
})

void test('a frame shows hot keys, where there is room for them and the terminal is not driven by them', () => {
  const operator = (name: string, key: string): JobMetrics['hotKeys'][number] => ({
    operator: name,
    operatorId: name,
    keys: [
      { key, share: 0.431, subtask: 1 },
      { key: '7', share: 0.08, subtask: 0 },
    ],
  })
  const tasks = ['a', 'b', 'c'].map((name, id) => taskMetrics(name, id, [0, 0]))
  const metrics = jobMetrics({ tasks, hotKeys: ['count', 'sum', 'join', 'rest'].map((name) => operator(name, '"ann\x9b2J"')) })
  const rates = new RateMeter(0).sample(metrics)
  const linesOf = (rows: number): readonly string[] =>
    renderFrame({ jobName: 'orders', metrics, rates }, 80, rows, false).filter((line) => line.startsWith('hot'))
  assert.deepEqual(linesOf(24), [
    'hot keys of count: "ann" 43 % (subtask 1), 7 8 % (subtask 0)',
    'hot keys of sum: "ann" 43 % (subtask 1), 7 8 % (subtask 0)',
    'hot keys of join: "ann" 43 % (subtask 1), 7 8 % (subtask 0)',
  ])
  assert.deepEqual([linesOf(7).length, linesOf(6).length], [1, 0])
})

void test('no key is in lines that are collected', () => {
  const hotKeys = [{ operator: 'count', operatorId: 'count', keys: [{ key: '"ann@example.org"', share: 0.5, subtask: 0 }] }]
  for (const create of [JsonView, LineView]) {
    const [output, clock] = [new RecordingOutput(), new ManualClock()]
    const view = create === JsonView ? new JsonView(output, clock) : new LineView(output, plain, clock)
    view.watch(() => jobMetrics({ timeMs: clock.now(), tasks: [taskMetrics('map', 0, [0])], hotKeys }))
    clock.advance(20_000)
    assert.ok(output.text.length > 0 && !output.text.includes('ann@'), output.text)
    view.abandon()
  }
})

void test('the live view redraws in place, with log lines above it, and leaves the terminal as it was', () => {
  const [output, clock] = [new RecordingOutput({ isTerminal: true }), new ManualClock()]
  const view = new LiveView(output, plain, clock, true)
  let records = 0
  view.watch(() => jobMetrics({ timeMs: clock.now(), uptimeMs: clock.now(), tasks: [taskMetrics('map', 0, [(records += 10)])] }))
  view.event(startedEvent())
  clock.advance(2_000)
  view.event({ kind: 'checkpoint-failed', timeMs: 0, checkpointId: 3, reason: 'persist-failed', error: new Error('disk') })
  const running = screenOf(output.text)
  assert.equal(running[0], '00:00:00.000 INFO  job words started without state attempt=1 parallelism=1')
  assert.match(running[1]!, /^00:00:00\.000 WARN {2}checkpoint 3 failed error="Error: disk"$/)
  assert.equal(running.filter((line) => line.startsWith('words  running')).length, 1)
  assert.match(running.join('\n'), /words {2}running for 2\.0 s[^]*\nmap +1[^]*\ncheckpoints: 0 completed\n$/)
  view.event(ended(finished))
  view.close(finished)
  const screen = screenOf(output.text)
  assert.equal(screen.filter((line) => line.startsWith('words  running')).length, 1, 'the last picture stays')
  assert.match(screen.at(-2)!, /job words finished after 1\.5 s/)
  assert.ok(output.text.endsWith('\x1b[?7h\x1b[?25h'))
  assert.equal(clock.pending, 0)
})

void test('a job that its shell has started in the background draws no picture over what is typed, unless it is asked to', () => {
  const shown = (isInBackground: boolean, asked?: OutputMode): string => {
    const stderr = new RecordingOutput({ isTerminal: true, isInBackground })
    const io = { stdout: new RecordingOutput(), stderr, environment: { NO_COLOR: '1' }, cwd: '/' }
    const view = chooseView(io, asked, { format: 'text', level: 'info' })
    view.event(startedEvent())
    view.abandon()
    return stderr.text
  }
  const line = '00:00:00.000 INFO  job words started without state attempt=1 parallelism=1\n'
  assert.equal(shown(true), line)
  for (const text of [shown(false), shown(true, 'live')]) assert.ok(text.startsWith('\x1b[?25l'), text)
})

void test('what the terminal shows of a Ctrl-C leaves nothing of the picture behind', () => {
  const [output, clock] = [new RecordingOutput({ isTerminal: true }), new ManualClock()]
  const view = new LiveView(output, plain, clock, true)
  view.watch(() => jobMetrics({ uptimeMs: clock.now(), tasks: [taskMetrics('map', 0, [10])] }))
  view.event(startedEvent())
  clock.advance(1_000)
  output.write('^C')
  view.note('asked to stop')
  assert.deepEqual(
    screenOf(output.text)
      .slice(1, 3)
      .map((line) => line.slice(0, 38)),
    ['00:00:01.000 INFO  asked to stop', 'words  running for 1.0 s  no restarts'],
  )
  view.abandon()
})

void test('a job that stands still (Ctrl-Z) or goes on in the background leaves the terminal to others, and draws anew when it has it again', () => {
  const [output, clock] = [new RecordingOutput({ isTerminal: true }), new ManualClock()]
  let inBackground = false
  const terminal = {
    write: (text: string) => output.write(text),
    get isInBackground() {
      return inBackground
    },
    isTerminal: true,
    columns: 80,
    rows: 24,
  }
  const view = new LiveView(terminal, plain, clock, false)
  view.watch(() => jobMetrics({ uptimeMs: clock.now(), tasks: [taskMetrics('map', 0, [10])] }))
  view.event(startedEvent())
  clock.advance(1_000)
  output.write('^Z')
  view.suspend()
  assert.ok(output.text.endsWith('^Z\x1b[?7h\x1b[?25h'))
  output.write('\nStopped\n$ bg\n')
  inBackground = true
  view.resume()
  const before = output.text.length
  clock.advance(1_000)
  view.note('a line')
  view.giveWay(true, () => output.write('of the job\n'))
  assert.equal(output.text.slice(before).includes('\x1b'), false, 'no picture, and the cursor stays')
  inBackground = false
  output.write('$ fg\n')
  clock.advance(1_000)
  assert.ok(output.text.slice(before).includes('$ fg\n\x1b[?25l\x1b[?7lwords  running'))
  const screen = screenOf(output.text)
  assert.match(screen.join('\n'), /\^Z\nStopped\n\$ bg\n.* a line\nof the job\n\$ fg\nwords {2}running for 3\.0 s/)
  assert.equal(screen.filter((line) => line.startsWith('words  running')).length, 2, 'the picture from before stays')
  view.suspend()
  view.resume()
  assert.ok(output.text.endsWith('\x1b[?7h\x1b[?25h\x1b[?25l\x1b[?7l'))
  view.abandon()
})

void test('what functions of the job write to the terminal stands above the picture, whole', () => {
  const [output, clock] = [new RecordingOutput({ isTerminal: true }), new ManualClock()]
  const view = new LiveView(output, plain, clock, true)
  view.watch(() => jobMetrics({ uptimeMs: clock.now(), tasks: [taskMetrics('map', 0, [10])] }))
  view.event(startedEvent())
  for (const text of ['one\n', 'two\nthree', ' goes on\n', 'four'])
    for (const step of ['write', 'draw']) {
      if (step === 'write') view.giveWay(text.endsWith('\n'), () => output.write(text))
      else if (text !== 'two\nthree') clock.advance(1_000)
    }
  view.note('a line')
  const screen = screenOf(output.text)
  assert.deepEqual(screen.slice(1, 5), ['one', 'two', 'three goes on', 'four'])
  assert.match(screen[5]!, /a line$/)
  assert.match(screen[6]!, /^words {2}running for 3\.0 s/)
  assert.equal(screen.filter((line) => line.startsWith('words  running')).length, 1)
  view.abandon()
  view.giveWay(true, () => output.write('after it\n'))
  assert.ok(output.text.endsWith('\x1b[?7h\x1b[?25hafter it\n'))
})

void test('a frame says which region starts again while the others go on', () => {
  const region = { of: 2, restarts: 1 }
  const regions = [
    { ...region, id: 0, tasks: ['words'], state: 'running' as const },
    { ...region, id: 1, tasks: ['orders', 'count -> out\x1b[2J'], state: 'restarting' as const },
  ]
  const metrics = jobMetrics({ uptimeMs: 61_000, restarts: 2, regions })
  const [head] = renderFrame({ jobName: 'shop', metrics, rates: [] }, 100, 24, false)
  assert.equal(head, `shop  ${metrics.state} for 1m 01s  2 restarts  region 1 of 2 restarting: orders, count -> out`)
})

void test('a frame says for how long a job has been down', () => {
  const metrics = jobMetrics({ state: 'restarting', uptimeMs: 0, downtimeMs: 61_000, restarts: 1 })
  const [head] = renderFrame({ jobName: 'shop', metrics, rates: [] }, 100, 24, false)
  assert.equal(head, 'shop  restarting for 1m 01s  1 restart')
})

void test("lines: a checkpoint that failed and a restart show the user's frames, and nothing of ours", () => {
  const output = new RecordingOutput()
  const view = new LineView(output, plain, new ManualClock())
  const error = Object.assign(new Error('no space'), { name: 'ReportedError', report: { secret: 'of ours' } })
  error.stack = `ReportedError: no space\n    at fold (/home/me/job.ts:3:4)\n    at #tell (${import.meta.dirname}/x.js:1:1)\n    at Worker.emit (node:events:514:28)`
  view.event({ kind: 'checkpoint-failed', timeMs: 0, checkpointId: 6, reason: 'persist-failed', error })
  view.event({ kind: 'restarting', timeMs: 0, failure: { error }, delayMs: 1_000, restart: 1 })
  view.close(finished)
  assert.deepEqual(output.text.trimEnd().split('\n'), [
    '00:00:00.000 WARN  checkpoint 6 failed error="ReportedError: no space"',
    '    at fold (/home/me/job.ts:3:4)',
    '00:00:00.000 WARN  restart 1 in 1.0 s error="ReportedError: no space"',
    '    at fold (/home/me/job.ts:3:4)',
  ])
})

void test('json: an object begins on a line of its own, wherever the job ended what it wrote', () => {
  const output = new RecordingOutput()
  let others: (endsLine: boolean, write: () => void) => void = () => {}
  const heedOthers = (told: typeof others): (() => void) => {
    others = told
    return () => (others = (_, write) => write())
  }
  const view = new JsonView(Object.assign(output, { heedOthers }), new ManualClock())
  const jobWrites = (text: string): void => others(text.endsWith('\n'), () => output.write(text))
  view.note('one')
  jobWrites('a line\n')
  view.note('two')
  jobWrites('half')
  jobWrites(' a line')
  view.note('three')
  view.note('four')
  const written = output.text.trimEnd().split('\n')
  const own = written.map((line) => (line.startsWith('{') ? (JSON.parse(line) as { readonly message: string }).message : line))
  assert.deepEqual(own, ['one', 'a line', 'two', 'half a line', 'three', 'four'])
  view.abandon()
})

void test('lines: events as they come, rates every ten seconds', () => {
  const [output, clock] = [new RecordingOutput(), new ManualClock()]
  const view = new LineView(output, plain, clock)
  view.watch(() => jobMetrics({ timeMs: clock.now(), tasks: [taskMetrics('map', 0, [clock.now()])] }))
  view.event(startedEvent())
  view.event({ kind: 'checkpoint-completed', timeMs: 0, checkpoint: { id: 1, path: '/c' }, durationMs: 5, sizeBytes: 10, final: false })
  clock.advance(20_000)
  view.event({ kind: 'restarting', timeMs: 0, failure: { error: new Error('boom'), operator: 'map' }, delayMs: 1_000, restart: 1 })
  const region = { id: 1, of: 2, tasks: ['map', 'out'] }
  view.event({ kind: 'restarting', timeMs: 0, failure: { error: new Error('boom') }, delayMs: 1_000, restart: 2, region })
  view.event({ kind: 'region-restarted', timeMs: 0, region, attempt: 3, restored: { id: 1, path: '/c' } })
  view.event({ kind: 'stopping', timeMs: 0 })
  view.close(finished)
  const lines = output.text
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith(' '))
  assert.deepEqual(lines, [
    '00:00:00.000 INFO  job words started without state attempt=1 parallelism=1',
    '00:00:10.000 INFO  running; 1.00 k records/s into map; busiest: map, 50 %; checkpoints: 0 completed',
    '00:00:20.000 INFO  running; 1.00 k records/s into map; busiest: map, 50 %; checkpoints: 0 completed',
    '00:00:00.000 WARN  restart 1 in 1.0 s error="Error: boom" operator=map',
    '00:00:00.000 WARN  restart 2 of region 1 of 2 (map, out) in 1.0 s error="Error: boom"',
    '00:00:00.000 INFO  region 1 of 2 (map, out) started again from checkpoint 1 attempt=3',
    '00:00:00.000 INFO  stopping: taking a final checkpoint',
  ])
  assert.equal(clock.pending, 0)
})

void test('lines: the rate is that of all sources, of which there may be many of one name', () => {
  const [output, clock] = [new RecordingOutput(), new ManualClock()]
  const view = new LineView(output, plain, clock)
  const source = (id: number, each: number): TaskMetrics => ({
    ...taskMetrics('generator source', id, [each * clock.now()]),
    isSource: true,
  })
  view.watch(() => jobMetrics({ timeMs: clock.now(), tasks: [source(0, 0.005), source(1, 1), taskMetrics('sink', 2, [clock.now()])] }))
  clock.advance(10_000)
  view.abandon()
  assert.match(output.text, /INFO {2}running; 1\.\d+ k records\/s into 2 sources; busiest: /)
})

void test('a failed job says where, why, and how to step through it', () => {
  const error = new RangeError('no\x1b[2J such word')
  error.stack = `RangeError: no such word\n    at parse (/home/me/job.ts:3:4)`
  const text = plain.event(ended(failedWith(error)))
  assert.match(
    text,
    /^00:00:00\.000 ERROR job words failed\n {2}job words failed in operator "parse", subtask 2, at access\.log:8812\n {2}RangeError: no such word\n/,
  )
  assert.match(text, /at parse \(\/home\/me\/job\.ts:3:4\)/, "the user's own stack")
  assert.ok(!text.includes('node:internal'))
  assert.match(text, /\n {2}it is not restarted: 3 failures within 5m\n/)
  assert.match(text, /\/c\/1\.test\.ts\n {2}to step through it: node --inspect-brk \/c\/1\.test\.ts\n$/)
  const line = JSON.parse(json.event(ended(failedWith(error)))) as { readonly [name: string]: unknown }
  assert.deepEqual(
    [line['level'], line['operator'], line['position'], line['checkpoint']],
    ['error', 'parse', 'access.log:8812', '/s/chk-4'],
  )
})

void test('a job that failed in no operator is not said to have failed twice', () => {
  const error = new Error('no such checkpoint')
  error.stack = 'Error: no such checkpoint'
  const result: JobResult = { state: 'failed', jobName: 'words', durationMs: 5, restarts: 0, lastCheckpoint: undefined, failure: { error } }
  assert.equal(plain.event(ended(result)), '00:00:00.000 ERROR job words failed\n  Error: no such checkpoint\n')
})

void test('JSON lines: every event and the metrics of each second, the end last', () => {
  const [output, clock] = [new RecordingOutput(), new ManualClock()]
  const view = new JsonView(output, clock)
  view.watch(() => jobMetrics({ timeMs: clock.now() }))
  view.event(startedEvent())
  clock.advance(1_000)
  view.event(ended(failedWith(Object.assign(new Error('boom', { cause: new Error('inner') }), { code: 'X' }))))
  view.close(finished)
  const lines = output.text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly [name: string]: unknown })
  assert.deepEqual(
    lines.map(({ kind }) => kind),
    ['started', 'metrics', 'metrics', 'ended'],
  )
  assert.ok(Array.isArray(lines[0]!['tasks']))
  const { error } = (
    lines[3] as {
      readonly result: { readonly failure: { readonly error: { readonly cause: Error; readonly code: string; readonly message: string } } }
    }
  ).result.failure
  assert.deepEqual([error.message, error.code, error.cause.message], ['boom', 'X', 'inner'])
  assert.equal(clock.pending, 0)
})

class SlowOutput extends RecordingOutput {
  backlogBytes = 0
}

void test('a reader that stands still costs no more than so much memory: lines are left out, counted, and never the end', () => {
  const logged = (n: number): JobEvent => ({ kind: 'log', record: { timeMs: 0, level: 'info', message: `line ${n}`, fields: {} } })
  for (const viewOf of [
    (output: SlowOutput) => new JsonView(output, new ManualClock()),
    (output: SlowOutput) => new LineView(output, plain, new ManualClock()),
  ]) {
    const output = new SlowOutput()
    const view = viewOf(output)
    for (let n = 1; n <= 9; n++) {
      if (n === 2) output.backlogBytes = BACKLOG_BYTES_MAX + 1
      if (n === 4) output.backlogBytes = BACKLOG_BYTES_MAX / 2 + 1
      if (n === 6) output.backlogBytes = BACKLOG_BYTES_MAX / 2
      if (n === 8) output.backlogBytes = BACKLOG_BYTES_MAX + 1
      view.event(logged(n))
    }
    view.event(ended(finished))
    const said = output.text.match(/line \d|\d lines were left out|finished/g)
    assert.deepEqual(said, ['line 1', '4 lines were left out', 'line 6', 'line 7', '2 lines were left out', 'finished'])
  }
})
