// Runs a client's program over scenarios; one that crashes or hangs loses the scenario it was at, and is started again for the rest.
import { spawn } from 'node:child_process'
import type { Program } from './catalogue.ts'
import { answerOf, type Answer } from './results.ts'

/** How long a scenario may take. */
const silenceMs = 120_000

/** What a program said before it ended. */
interface Ending {
  readonly answers: readonly Answer[]
  /** How it ended, if not as it should. */
  readonly trouble: string
}

function runOnce(
  program: Program,
  args: readonly string[],
  env: Record<string, string>,
  onAnswer: (answer: Answer) => void,
): Promise<Ending> {
  const child = spawn(program.file, [...program.args, ...args], {
    env: { ...process.env, ...program.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const answers: Answer[] = []
  let partial = ''
  let said = ''
  let isSilent = false
  let timer = setTimeout(giveUp, silenceMs)
  function giveUp(): void {
    isSilent = true
    child.kill('SIGKILL')
  }
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2_000)))
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (partial + text).split('\n')
    partial = lines.pop()!
    for (const answer of lines.map(answerOf).filter((line) => line !== undefined)) {
      clearTimeout(timer)
      timer = setTimeout(giveUp, silenceMs)
      answers.push(answer)
      onAnswer(answer)
    }
  })
  return new Promise((resolve) => {
    const end = (trouble: string): void => {
      clearTimeout(timer)
      resolve({ answers, trouble })
    }
    child.on('error', (error) => end(error.message))
    child.on('close', (code, signal) => {
      if (isSilent) end(`no answer within ${silenceMs / 1_000} s`)
      else end(code === 0 ? '' : `the program ended with ${code ?? signal}: ${said.trim().slice(-400)}`)
    })
  })
}

export interface Task {
  readonly program: Program
  readonly bootstrap: string
  /** Begins the names of all topics and groups of a run. */
  readonly run: string
  readonly client: string
  readonly scenarios: readonly string[]
  readonly env: Record<string, string>
}

/** @returns an answer to every scenario, in their order */
export async function runProgram(task: Task, onAnswer: (answer: Answer) => void): Promise<readonly Answer[]> {
  const answers: Answer[] = []
  const report = (answer: Answer): void => {
    answers.push(answer)
    onAnswer(answer)
  }
  let left = task.scenarios
  while (left.length > 0) {
    const ending = await runOnce(task.program, [task.bootstrap, task.run, task.client, ...left], task.env, report)
    const [lost, ...rest] = left.slice(ending.answers.length)
    if (lost === undefined) break
    report({ scenario: lost, result: 'fail', reason: ending.trouble || 'the program ended without an answer' })
    left = rest
  }
  return answers
}
