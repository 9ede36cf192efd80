import type { EdgeDescription, JobDescription, OperatorDescription, TaskDescription } from './describe.ts'

/** A job for people to read, in lines that end with a line feed. */
export function describeAsText(job: JobDescription): string {
  const params = Object.entries(job.params).map(([name, value]) => `${name} = ${JSON.stringify(value)}`)
  const nameOf = new Map(job.tasks.flatMap((task) => task.operators.map((operator) => [operator.id, operator.name] as const)))
  const { guarantee, paths } = job.guarantee
  const lines = [
    `Job ${job.job}, fingerprint ${job.fingerprint.slice(0, 16)}`,
    ...(params.length === 0 ? [] : [`Parameters: ${params.join(', ')}`]),
    ...job.tasks.flatMap((task) => ['', ...taskLines(task, job.edges)]),
    '',
    `End-to-end guarantee: ${guarantee}`,
    ...paths.map((path) => `  ${nameOf.get(path.source)} to ${nameOf.get(path.sink)}: ${path.guarantee}. ${path.reason}`),
    ...(job.warnings.length === 0 ? [] : ['', 'Warnings']),
    ...job.warnings.map((warning) => `  ${warning.message}`),
  ]
  return `${lines.join('\n')}\n`
}

function taskLines({ id, parallelism, maxParallelism, operators }: TaskDescription, edges: readonly EdgeDescription[]): string[] {
  const keyed = operators.some((operator) => operator.kind.startsWith('keyed-'))
  const groups = keyed ? `, ${maxParallelism} key groups` : ''
  return [
    `Task ${id}: ${parallelism} ${parallelism === 1 ? 'subtask' : 'subtasks'}${groups}`,
    ...operators.flatMap((operator) => operatorLines(operator, edges)),
  ]
}

function operatorLines(operator: OperatorDescription, edges: readonly EdgeDescription[]): string[] {
  const { id, kind, name, uid, stateId } = operator
  const inputs = edges.filter((edge) => edge.to === id).map(inputText)
  const facts = [...inputs, ...stateTexts(operator), ...connectorTexts(operator), ...outputTexts(operator)]
  const named = name === uid ? '' : ` "${name}"`
  return [`  ${id}  ${kind}${named}, ${uid === null ? `derived id ${stateId}` : `uid ${uid}`}`, ...facts.map((fact) => `       ${fact}`)]
}

function inputText({ from, output, partitioning, chained }: EdgeDescription): string {
  const which = output.kind === 'main' ? '' : output.kind === 'side' ? `, side output ${output.name}` : ', failures'
  return `from ${from}${which}: ${chained ? `chained${partitioning === 'forward' ? '' : ` (${partitioning})`}` : partitioning}`
}

function stateTexts({ states, timers }: OperatorDescription): string[] {
  const texts = states.map(({ name, kind, version }) => `${name} (${kind}${version === 1 ? '' : `, version ${version}`})`)
  return [...(texts.length === 0 ? [] : [`state: ${texts.join(', ')}`]), ...(timers ? ['timers'] : [])]
}

function connectorTexts({ source, sink }: OperatorDescription): string[] {
  if (source !== undefined) {
    return [`${source.connector}: ${source.replayable ? 'replayable' : 'not replayable'}, ${source.bounded ? 'bounded' : 'unbounded'}`]
  }
  return sink === undefined ? [] : [`${sink.connector}: delivery ${sink.delivery}`]
}

function outputTexts({ sides, onError }: OperatorDescription): string[] {
  return [
    ...(sides.length === 0 ? [] : [`side outputs: ${sides.join(', ')}`]),
    ...(onError === 'side' ? ['failures go to a side output'] : []),
  ]
}
