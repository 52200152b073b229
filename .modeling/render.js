// Runs in the browser page that render.py opens: turns one model into the text of one SVG file.

const XHTML = 'http://www.w3.org/1999/xhtml';

/** The diagram as bpmn-js shows it. */
async function drawBpmn(xml) {
  const viewer = new BpmnJS({ container: '#canvas' });
  const { warnings } = await viewer.importXML(xml);
  if (warnings.length) throw new Error(warnings.map(warning => warning.message).join('; '));
  const { svg } = await viewer.saveSVG();
  viewer.destroy();
  return onWhite(svg);
}

/** The requirements graph as dmn-js shows it, and every table and expression of the file below it. */
async function drawDmn(xml) {
  const viewer = new DmnJS({ container: '#canvas' });
  const { warnings } = await viewer.importXML(xml);
  if (warnings.length) throw new Error(warnings.map(warning => warning.message).join('; '));
  await viewer.open(viewer.getViews().find(view => view.type === 'drd'));
  const { svg } = await viewer.getActiveViewer().saveSVG();
  const definitions = viewer.getDefinitions();
  viewer.destroy();

  const sheet = document.getElementById('sheet');
  sheet.replaceChildren(element('h1', definitions.name));
  const graph = element('div');
  graph.innerHTML = svg.slice(svg.indexOf('<svg'));
  sheet.append(graph);
  const decisions = definitions.drgElement.filter(drg => drg.$type === 'dmn:Decision');
  decisions.forEach(decision => sheet.append(...section(decision)));

  const width = Math.ceil(sheet.scrollWidth), height = Math.ceil(sheet.scrollHeight);
  const style = document.getElementById('style').textContent;
  const body = new XMLSerializer().serializeToString(sheet);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`
    + `<style>${style}</style><rect width="100%" height="100%" fill="white"/>`
    + `<foreignObject width="${width}" height="${height}">${body}</foreignObject></svg>\n`;
}

function section(decision) {
  const logic = decision.decisionLogic;
  const shown = logic.$type === 'dmn:DecisionTable' ? table(logic) : element('pre', logic.text);
  return [element('h2', `${decision.name} (${decision.id})`), element('p', decision.description), shown];
}

function table(logic) {
  const result = element('table'), head = element('tr');
  head.append(element('th', (logic.hitPolicy || 'UNIQUE').toLowerCase()));
  logic.input.forEach(input => head.append(element('th', input.label, input.inputExpression.text)));
  logic.output.forEach(output => head.append(element('th', output.label, output.name, 'output')));
  head.append(element('th', 'Why'));
  result.append(head);
  logic.rule.forEach((rule, index) => {
    const row = element('tr');
    row.append(element('td', `${index + 1}`));
    rule.inputEntry.forEach(entry => row.append(element('td', entry.text || '–')));
    rule.outputEntry.forEach(entry => row.append(element('td', entry.text, '', 'output')));
    row.append(element('td', rule.description, '', 'why'));
    result.append(row);
  });
  return result;
}

function element(name, text = '', small = '', className = '') {
  const result = document.createElementNS(XHTML, name);
  if (className) result.className = className;
  result.append(text);
  if (small) {
    const note = document.createElementNS(XHTML, 'small');
    note.append(small);
    result.append(note);
  }
  return result;
}

function onWhite(svg) {
  return svg.replace(/(<svg[^>]*>)/, '$1<rect x="-10000" y="-10000" width="30000" height="30000" fill="white"/>');
}
