import type { EdgeDescription, JobDescription, OperatorDescription } from './describe.ts'

/** A job as a Mermaid flow chart: a box for each task, an arrow for each edge, with the partitioning where records leave their task. */
export function describeAsMermaid(job: JobDescription): string {
  const lines = [
    'flowchart LR',
    ...job.tasks.flatMap((task) => [
      `  subgraph t${task.id}["task ${task.id} × ${task.parallelism}"]`,
      ...task.operators.map(node),
      '  end',
    ]),
    ...job.edges.map(arrow),
  ]
  return `${lines.join('\n')}\n`
}

function node({ id, kind, name, uid, states }: OperatorDescription): string {
  const label = [name, ...(uid === null || uid === name ? [] : [`uid ${uid}`]), ...states.map((state) => `${state.name}: ${state.kind}`)]
    .map(escape)
    .join('<br/>')
  if (kind === 'source') return `    o${id}(["${label}"])`
  return kind === 'sink' ? `    o${id}[("${label}")]` : `    o${id}["${label}"]`
}

function arrow({ from, output, to, partitioning, chained }: EdgeDescription): string {
  const which = output.kind === 'main' ? [] : [output.kind === 'side' ? `side ${output.name}` : 'failures']
  const texts = [...which, ...(chained ? [] : [partitioning])].map(escape)
  return texts.length === 0 ? `  o${from} --> o${to}` : `  o${from} -->|"${texts.join(', ')}"| o${to}`
}

/** Mermaid reads labels as markup; its entities are written with a number sign. */
function escape(text: string): string {
  return text.replace(/[^\p{L}\p{N} .,:_()/×-]/gu, (character) => `#${character.codePointAt(0)};`)
}
