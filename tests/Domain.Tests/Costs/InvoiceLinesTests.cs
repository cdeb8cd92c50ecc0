using ControlCenter.Domain.Costs;
using ControlCenter.Domain.Problems;

namespace ControlCenter.Domain.Tests.Costs;

public sealed class InvoiceLinesTests
{
    [Fact]
    public void Lines_are_read_with_quotes_commas_and_line_ends_in_them() =>
        InvoiceLines.Parse("\uFEFFamount,module_id,description\r\n12.50,m-1,\"Tokens, \"\"cached\"\"\nand not\"\r\n-2,,Credit\n\n")
            .ShouldBe([new InvoiceLine("m-1", "Tokens, \"cached\"\nand not", null, 12.5m), new InvoiceLine(null, "Credit", null, -2m)]);

    [Theory]
    [InlineData("", "between 1 and")]
    [InlineData("amount\n", "between 1 and")]
    [InlineData("module_id\nm", "'amount' is missing")]
    [InlineData("amount,price\n1,2", "no column 'price'")]
    [InlineData("amount\n1,2", "Row 2 has 2 fields")]
    [InlineData("amount\n1 EUR", "'1 EUR' is not a number")]
    [InlineData("amount,module_id\n,m", "Row 2 has no amount")]
    [InlineData("amount\n\"1", "has no end")]
    public void What_is_wrong_with_an_invoice_is_said(string csv, string problem) =>
        Should.Throw<ValidationException>(() => InvoiceLines.Parse(csv)).Message.ShouldContain(problem);

    [Fact]
    public void All_that_is_wrong_is_said_at_once_up_to_what_one_corrects_in_one_go()
    {
        var reading = InvoiceLines.Read("amount,module_id\n1,m\nx,m\n2\n,m\n3,n");
        reading.Problems.ShouldBe(["Row 3: 'x' is not a number for amount (1234.56).", "Row 4 has 1 fields, and the heading 2.", "Row 5 has no amount."]);
        reading.Lines.Select(l => l.Amount).ShouldBe([1m, 3m]);
        InvoiceLines.Read("amount\n" + string.Concat(Enumerable.Repeat("x\n", 50))).Problems.Count.ShouldBe(InvoiceLines.MostProblems);
        InvoiceLines.Read("amount,amount\n1,2").Problems.ShouldBe(["The column 'amount' stands twice."]);
    }

    [Fact]
    public void A_module_is_set_against_itself_and_what_is_billed_without_one_against_what_no_line_names()
    {
        var found = InvoiceReconciliation.Of(
            [new("a", null, null, 3m), new("a", null, null, 1m), new(null, "Support", null, 5m), new("new", null, null, 2m)],
            new Dictionary<string, decimal> { ["a"] = 5m, [""] = 1m, ["other"] = 2m });
        found.Modules.ShouldBe([new("a", 4m, 5m, -1m), new("new", 2m, null, 2m), new(null, 5m, 3m, 2m)]);
        (found.Billed, found.Metered, found.Difference, found.ErrorPercent).ShouldBe((11m, 8m, 3m, -27.27m));
        InvoiceReconciliation.Of([new(null, null, null, 5m)], new Dictionary<string, decimal>()).ErrorPercent.ShouldBeNull();
    }

    [Fact]
    public void What_a_spreadsheet_would_run_is_written_as_text() =>
        CsvTable.Row("=1+1", "-2.5", "-cmd", "a,b", null, "\"").ShouldBe("'=1+1,-2.5,'-cmd,\"a,b\",,\"\"\"\"\r\n");
}
