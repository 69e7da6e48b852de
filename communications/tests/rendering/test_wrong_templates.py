"""What is wrong with a template is told in words, with its field and its place: the same by API, admin and code."""

from typing import Any

import pytest

from communications.actions.schemas import compile_content
from communications.rendering.problems import TemplateProblem


@pytest.mark.parametrize(
    ("method", "template_schema", "texts", "field", "line", "column", "message"),
    [
        ('SMS', {'message': 'Hi {{ firstName'}, {}, 'message', 1, 4, '“}}” is missing.'),
        ('SMS', {'message': 'Hi\n{{ firstName | shout }}'}, {}, 'message', 2, 16, 'There is no filter “shout”.'),
        ('SMS', {'message': 'Hi {% if late %}we are late'}, {}, 'message', 1, 7, '“if” is opened here and never closed.'),
        ('SMS', {'message': 'Hi {% endif %}'}, {}, 'message', 1, 7, '“endif” closes nothing here.'),
        ('SMS', {'message': '{{ "now" | date: "%d" }}'}, {}, 'message', 1, 4, 'A message has no “now”: it is rendered again when someone looks at it. Send the date as a variable.'),
        ('SMS', {'message': "{% include 'other' %}"}, {}, 'message', 1, 4, 'There is no tag “include” here.'),
        ('SMS', {'message': '  '}, {}, 'message', 1, 1, 'The message cannot be empty.'),
        ('SMS', {'message': ['Hi']}, {}, 'message', 1, 1, 'The message has to be a text.'),
        ('SMS', {'message': 'a' * 1601}, {}, 'message', 1, 1, 'An SMS has at most 1600 characters.'),
        ('WHATSAPP', {'message': '{{ firstName }}, hello.'}, {'whatsapp_template_id': 'HX1'}, 'message', 1, 1, 'An approved text cannot begin with a variable.'),
        ('WHATSAPP', {'message': 'Hello\n{{ firstName }}'}, {'whatsapp_template_id': 'HX1'}, 'message', 2, 1, 'An approved text cannot end with a variable: put a word or a full stop behind it.'),
        ('WHATSAPP', {'message': 'Hello {{ a }}{{ b }}.'}, {'whatsapp_template_id': 'HX1'}, 'message', 1, 14, 'Two variables need words between.'),
        ('WHATSAPP', {'message': 'Hello {% if a %}you{% endif %}.'}, {'whatsapp_template_id': 'HX1'}, 'message', 1, 10, 'An approved text can hold variables only: a condition or a loop would change its words.'),
        ('WHATSAPP', {'message': 'Hello.'}, {'whatsapp_template_id': 'HX 1'}, 'whatsapp_template_id', 1, 1, 'This has to be an id of letters, digits and “_”.'),
        ('WHATSAPP', {'message': 'a' * 1025}, {'whatsapp_template_id': 'HX1'}, 'message', 1, 1, 'An approved WhatsApp text with its parameters has at most 1,024 characters.'),
        ('WHATSAPP', {'message': 'a' * 4097}, {}, 'message', 1, 1, 'A WhatsApp text has at most 4,096 characters.'),
        ('PUSH', {'title': 'New'}, {}, 'body', 1, 1, 'This has to be a text.'),
        ('PUSH', {'title': 'New', 'body': 'Hi\n\n{{ x'}, {}, 'body', 3, 1, '“}}” is missing.'),
        ('PUSH', {'title': 'New', 'body': 'Hi', 'icon': 'http://x.ca/i.png'}, {}, 'icon', 1, 1, 'The address of an image begins with https:// or a variable.'),
        ('PUSH', {'title': 'New', 'body': 'Hi', 'badge': -1}, {}, 'badge', 1, 1, 'This has to be a number, 0 or more.'),
        ('PUSH', {'title': 'New', 'body': 'Hi', 'data': {'id': 7}}, {}, 'data.id', 1, 1, 'This has to be a text.'),
        ('PUSH', {'title': 'New', 'body': 'Hi', 'actions': [{'action': 'a', 'title': 'A'}, {'action': 'b'}]}, {}, 'actions[1].title', 1, 1, 'This has to be a text.'),
        ('PUSH', {'title': 'New', 'body': 'Hi', 'actions': [{'action': 'a', 'title': 'A'}, {'action': 'a', 'title': 'A'}, {'action': 'a', 'title': 'A'}, {'action': 'a', 'title': 'A'}]}, {}, 'actions', 1, 1, 'This has to be a list of at most 3 buttons.'),
        ('PUSH', {'title': 'New', 'body': 'Hi', 'colour': 'red'}, {}, 'colour', 1, 1, 'This is not known here. Known: title, body, icon, image, sound, clickAction, badge, data, actions, variables.'),
        ('PUSH', {'title': 'New', 'body': 'Hi', 'data': {'x': 'y' * 4096}}, {}, 'template_schema', 1, 1, 'A notification has at most 4,096 bytes in all.'),
        ('PUSH', {'title': 'New', 'body': 'a\x00'}, {}, 'body', 1, 2, 'There is a character here that cannot be written.'),
        ('EMAIL', {}, {}, 'blocks', 1, 1, '“blocks” is missing.'),
        ('EMAIL', {'blocks': []}, {}, 'blocks', 1, 1, 'There has to be at least 1 of these.'),
        ('EMAIL', {'blocks': [{'type': 'video'}]}, {}, 'blocks[0].type', 1, 1, 'This has to be one of: text, heading, image, button, divider, spacer, columns, html, social.'),
        ('EMAIL', {'blocks': [{'type': 'text', 'content': 'a'}, {'type': 'text', 'content': 'Hi\n{{ x'}]}, {}, 'blocks[1].content', 2, 1, '“}}” is missing.'),
        ('EMAIL', {'blocks': [{'type': 'text', 'content': 'a', 'styles': {'colour': 'red'}}]}, {}, 'blocks[0].styles.colour', 1, 1, '“colour” is not known here. Known here: padding, backgroundColor, textAlign, color, fontFamily, fontSize, fontWeight, fontStyle, lineHeight, letterSpacing, textDecoration, textTransform.'),
        ('EMAIL', {'blocks': [{'type': 'text', 'content': 'a', 'styles': {'color': '#12345g'}}]}, {}, 'blocks[0].styles.color', 1, 1, 'This has to be a colour: “#1a2b3c”, “#333”, “rgb(10, 20, 30)” or its English name.'),
        ('EMAIL', {'blocks': [{'type': 'text', 'content': 'Hi <p>you</p>'}]}, {}, 'blocks[0].content', 1, 4, '“<p>” cannot stand in a text; an html block takes it.'),
        ('EMAIL', {'blocks': [{'type': 'button', 'content': 'Go', 'properties': {'url': 'javascript:x'}}]}, {}, 'blocks[0].properties.url', 1, 1, 'An address begins with https://, http://, mailto:, tel: or a variable.'),
        ('EMAIL', {'blocks': [{'type': 'button', 'content': 'Go', 'properties': {}}]}, {}, 'blocks[0].properties.url', 1, 1, 'A button needs an address.'),
        ('EMAIL', {'blocks': [{'type': 'image', 'content': '//x.ca/a.png'}]}, {}, 'blocks[0].content', 1, 1, 'The address of an image begins with https://, http:// or a variable.'),
        ('EMAIL', {'blocks': [{'type': 'columns', 'columns': [{'blocks': [{'type': 'text', 'content': 'a'}]}, {'blocks': [{'type': 'columns', 'columns': []}]}]}]}, {}, 'blocks[0].columns[1].blocks[0].type', 1, 1, 'This has to be one of: text, heading, image, button, divider, spacer, html, social.'),
        ('EMAIL', {'blocks': [{'type': 'html', 'content': '<script>{{ x }}</script>'}]}, {}, 'blocks[0].content', 1, 9, 'Liquid stands where nothing can be put in: in a tag, in an address that is not allowed, or in a script.'),
        ('EMAIL', {'blocks': [{'type': 'spacer', 'properties': {'height': 900}}]}, {}, 'blocks[0].properties.height', 1, 1, 'This has to be a length in pixels, 1 to 200, such as “100px”.'),
        ('EMAIL', {'blocks': [{'type': 'text', 'content': 'a'}], 'globalStyles': {'maxWidth': '9px'}}, {}, 'globalStyles.maxWidth', 1, 1, 'This has to be a length in pixels, 320 to 960, such as “480px”.'),
        ('EMAIL', {'blocks': [{'type': 'text', 'content': 'a'}]}, {'subject': 'Save {{ x'}, 'subject', 1, 6, '“}}” is missing.'),
        ('EMAIL', {'blocks': [{'type': 'text', 'content': 'a'}]}, {'preview_text': 'Dear {{ x | shout }}'}, 'preview_text', 1, 13, 'There is no filter “shout”.'),
        ('EMAIL', {'blocks': [{'type': 'text', 'content': '{% raw %}{{ x }}{% endraw %}'}]}, {}, 'blocks[0].content', 1, 1, '“raw” cannot be used in an e-mail.'),
        ('EMAIL', {'blocks': [{'type': 'text', 'content': '{% for x in xs %}{% break %}{% endfor %}{% break %}'}]}, {}, 'blocks[0].content', 1, 44, '“break” belongs inside a loop.'),
        ('PIGEON', {'message': 'Hi'}, {}, 'message_delivery_method', 1, 1, 'Templates for PIGEON cannot be made yet.'),
    ],
)  # fmt: skip
def test_a_wrong_template_is_told_where_and_why(
    method: str, template_schema: Any, texts: dict[str, str], field: str, line: int, column: int, message: str
) -> None:
    with pytest.raises(TemplateProblem) as problem:
        compile_content(method, template_schema, **texts)

    assert (problem.value.field, problem.value.line, problem.value.column) == (field, line, column)
    assert problem.value.message == message
