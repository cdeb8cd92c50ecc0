using System.Text.Json;
using ControlCenter.Dashboard;

namespace ControlCenter.Tests.Dashboard;

public sealed class EventWordsTests
{
    [Theory]
    [InlineData("runtime.input", """{"by":"Ada","characters":12,"key":"enter","agent_name":"console"}""", "Ada typed a line of 12 into console")]
    [InlineData("runtime.input", """{"by":"Ada","characters":0,"key":"ctrl_c","agent_name":"console"}""", "Ada pressed Ctrl-C at the keyboard of console")]
    [InlineData("runtime.input", """{"by":"Ada","characters":3,"key":"tab","agent_name":"console"}""", "Ada typed 3 and Tab into console")]
    [InlineData("runtime.input_lost", """{"count":1,"agent_name":"console"}""", "An input for console was given up: it was not seen to be typed")]
    [InlineData("runtime.input_typed", """{"count":2,"agent_name":"console"}""", "2 inputs for console that were given up were typed after all")]
    [InlineData("runtime.host_lost", """{"name":"attic","why":"it gave no sign for 45 s"}""", "Host attic is lost: it gave no sign for 45 s")]
    [InlineData("security.key_revoked", """{"name":"local","why":"the bus started anew"}""", "Key of local ended: the bus started anew")]
    [InlineData("security.key_revoked", """{"name":"Ada","why":"rotated"}""", "Key of Ada rotated")]
    [InlineData("runtime.boot_report", """{"in_flight":[],"resumed":2,"ended":1,"needs_human":[]}""", "The bus has started: of what was in flight, 2 went on and 1 ended")]
    [InlineData("agent.definition_refused", """{"path":"coder.yaml","problem":"line 3: no such field"}""", "The definition coder.yaml is refused: line 3: no such field")]
    [InlineData("backup.log_probed", """{"segment":"000000010000000000000002","problem":null,"seconds":0.4}""", "Log was fetched back and is sound")]
    [InlineData("backup.database_not_replaced", """{"to":"2026-03-30T10:00:00Z","problem":"There is no room."}""", "The running database was not replaced: There is no room.")]
    [InlineData("backup.restore_requested", """{"to":"2026-03-30T12:00:00.1234567+02:00"}""", "Restore asked for: 30 Mar 2026, 10:00:00 UTC")]
    public void What_happened_is_a_sentence_and_not_its_data(string kind, string data, string words) =>
        EventWords.Of(kind, JsonDocument.Parse(data).RootElement).ShouldBe(words);
}
