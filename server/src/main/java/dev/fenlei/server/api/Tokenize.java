package dev.fenlei.server.api;

import dev.fenlei.server.Limit;
import dev.fenlei.server.http.Call;
import dev.fenlei.server.http.Endpoint;
import dev.fenlei.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// `POST /tokenize`: what the model sees of a text. Control tokens in it are plain characters, as everywhere.
final class Tokenize implements Endpoint {

    /// The tokens of one text.
    ///
    /// @param pieces the text of each token by itself; U+FFFD where a token is a part of a character
    record Item(int index, int count, List<Integer> tokens, List<String> pieces) {}

    record Answer(String object, List<Item> data, Usage usage) {}

    private final Service service;

    Tokenize(Service service) {
        this.service = service;
    }

    @Override
    public void handle(Call call) {
        Tokenizer tokenizer = service.models().tokenizer();
        List<String> texts = new Fields(call.body()).texts("text", service.limit(Limit.MAX_INPUTS));
        List<Item> items = new ArrayList<>();
        for (int i = 0; i < texts.size(); i++) {
            service.requireFits(texts.get(i), texts.size() == 1 ? "text" : "text[" + i + "]");
            int[] ids = tokenizer.encode(texts.get(i));
            items.add(new Item(
                    i,
                    ids.length,
                    Arrays.stream(ids).boxed().toList(),
                    Arrays.stream(ids).mapToObj(id -> tokenizer.decode(new int[] {id})).toList()));
        }
        call.reply(new Answer("list", items, Usage.of(items.stream().mapToInt(Item::count).sum(), 0)));
    }
}
