// Commands break between words: a browser would break them after every hyphen.
document.addEventListener('DOMContentLoaded', () => {
  for (const code of document.querySelectorAll('.highlight-bash pre, p code.literal, li code.literal')) {
    const walk = document.createTreeWalker(code, NodeFilter.SHOW_TEXT), texts = []
    while (walk.nextNode()) if (/-/.test(walk.currentNode.data)) texts.push(walk.currentNode)
    for (const text of texts) text.replaceWith(...text.data.split(/(\s+)/).map(part => part.includes('-') && part.length < 32 ? Object.assign(document.createElement('span'), { className: 'word', textContent: part }) : part))
  }
})

// A switch below the title unfolds every exported cell; pages remember it.
document.addEventListener('DOMContentLoaded', () => {
  const folds = document.querySelectorAll('div.cell details.hide'), place = document.querySelector('article .place')
  if (!folds.length || !place) return
  const button = place.appendChild(Object.assign(document.createElement('button'), { className: 'unfold', type: 'button' }))
  let open = false
  const set = to => { open = to; folds.forEach(d => { d.open = to }); button.textContent = to ? 'fold all sources' : 'unfold all sources' }
  button.addEventListener('click', () => { set(!open); try { localStorage.setItem('sources', open ? 'open' : '') } catch {} })
  let kept = ''
  try { kept = localStorage.getItem('sources') } catch {}
  set(kept === 'open')
})
