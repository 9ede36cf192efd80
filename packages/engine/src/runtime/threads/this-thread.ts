/** What the thread is that this module is loaded in. */
export const thisThread: { runsSlot: boolean } = { runsSlot: false }
