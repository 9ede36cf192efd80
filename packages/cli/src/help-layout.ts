import { Help } from 'commander'

/** Flags longer than this have a line to themselves: a column as wide as the longest of them leaves no room to say anything. */
const TERM_LENGTH_MAX = 32

const plain = new Help()

/** How help is laid out: within the width of the terminal, whatever the flags are called. */
export const helpLayout: Partial<Help> = {
  padWidth: (command, helper) => Math.min(TERM_LENGTH_MAX, plain.padWidth(command, helper)),
  formatItem: (term, termWidth, description, helper) => {
    // It knows the width of the terminal; the one here is for its methods.
    const layout = Object.assign(new Help(), { helpWidth: helper.helpWidth })
    if (description === '' || helper.displayWidth(term) <= termWidth) return layout.formatItem(term, termWidth, description, helper)
    return `  ${term}\n${layout.formatItem('', termWidth, description, helper)}`
  },
}
